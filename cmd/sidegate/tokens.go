package main

import (
	"time"

	"sidegate/config"
	"sidegate/login"
	"sidegate/proxy"
	"sidegate/session"
	"sidegate/tokens"
	"sidegate/web"
)

// newKeeper returns who keeps people's API tokens fresh, and hands them out.
func (s *server) newKeeper(origin string, site *web.Site) *tokens.Keeper {
	return tokens.NewKeeper(tokens.Options{
		Sessions: s.sessions, Provider: s.login, Connect: login.ConnectQuery, Public: origin, Site: site, Now: time.Now, Log: s.log,
		Allowed: func(i session.Info) bool { return s.policy.book.Decide(i.Identity).Allowed },
	})
}

// push is how the app gets access tokens without asking; nil: not at all.
func (s *server) push(headers *proxy.Headers) (*proxy.Push, error) {
	name := s.config.Proxy.TokenHeader
	if name == "" {
		return nil, nil
	}
	if err := headers.Reserve(name); err != nil {
		return nil, &config.Fault{Name: "SIDEGATE_TOKEN_HEADER", Problem: err.Error(), Example: "X-Forwarded-Access-Token"}
	}
	return &proxy.Push{Header: name, Access: s.tokens.Access}, nil
}

// wantsTokens reports whether the app may have tokens of its people. Where there is
// nothing to ask for, it is not given the key to it either.
func (s *server) wantsTokens() bool {
	return len(s.config.Provider.Scopes)+len(s.config.Provider.Connect) > 0
}
