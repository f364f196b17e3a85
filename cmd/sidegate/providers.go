package main

import (
	"slices"

	"sidegate/access"
	"sidegate/config"
	"sidegate/login"
)

// judged is what the rules know of the providers.
func judged(c config.Config) access.Providers {
	all := access.Providers{c.Provider.Issuer: {Claim: access.DomainClaim(c.Access.DomainClaim)}}
	for _, f := range c.Further {
		all[f.Issuer] = access.Provider{Name: f.Name, Claim: access.DomainClaim(f.DomainClaim), Vouches: f.EmailDomains}
	}
	return all
}

// furtherLogins are those of the further providers; o is what all have in common.
func furtherLogins(further []config.Further, o login.Options) (all []*login.Login) {
	for _, f := range further {
		o.Client = login.Client{
			Name: f.Name, Title: f.Title, Issuer: f.Issuer, ID: f.ClientID, Secret: f.ClientSecret.Reveal(),
			Public: o.Client.Public, GroupsClaim: f.GroupsClaim,
		}
		all = append(all, login.New(o))
	}
	return all
}

// providers are all that people can sign in with, the main one first.
func (s *server) providers() []*login.Login {
	return append([]*login.Login{s.login}, s.login.Further...)
}

// providersReady says of each provider whether it has answered, and whether any has:
// one that is down keeps nobody from the others.
func (s *server) providersReady() (parts map[string]string, up bool) {
	parts = make(map[string]string)
	for _, p := range s.providers() {
		name := "provider"
		if p.Client.Name != "" {
			name += "_" + p.Client.Name
		}
		if err := p.Ready(); err != nil {
			parts[name] = shorten(err.Error())
			continue
		}
		parts[name], up = "ok", true
	}
	return parts, up
}

// redirectURIs are those to register, each at its provider.
func redirectURIs(c config.Config) []string {
	all := []string{c.RedirectURI()}
	for _, f := range c.Further {
		all = append(all, c.FurtherRedirectURI(f.Name))
	}
	return all
}

// furtherClients replaces the client secrets of further providers. Another list of
// them takes a restart.
func (s *secrets) furtherClients(now []config.Further) {
	if len(now) != len(s.held.Further) {
		return // the environment of a process does not change; only files do
	}
	for n, f := range now {
		held := s.held.Further[n]
		if f.Name != held.Name || f.ClientID != held.ClientID || f.ClientSecret.Reveal() == held.ClientSecret.Reveal() {
			continue
		}
		s.held.Further = slices.Clone(s.held.Further) // the server's own settings stay as they are
		s.held.Further[n] = f
		s.login.Further[n].SetClientSecret(f.ClientSecret.Reveal())
		s.log.Info("the client secret was replaced", "provider", f.Name)
	}
}
