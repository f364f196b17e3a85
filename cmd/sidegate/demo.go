//go:build !nodemo

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"

	"sidegate/config"
	"sidegate/demo"
)

// demoClient marks a server as a demo: its pages carry the banner.
const demoClient = demo.ClientID

// demoCommand: sidegate demo [-- CMD…]. It needs nothing but itself: the provider
// and, without CMD, the app are built in, and both stay on this machine.
func demoCommand(ctx context.Context, args []string, to streams) error {
	raw, unknown := config.FromEnvAlone()
	if unknown != nil {
		return unknown
	}
	raw, err := demoSettings(raw)
	if err != nil {
		return err
	}
	provider, err := startProvider(&raw)
	if err != nil {
		return err
	}
	defer provider.Close()

	var c *child
	if len(args) > 0 {
		if c, err = newChild(args); err != nil {
			return err
		}
		raw.Upstream, raw.App = c.url(), appOf(raw.App, args)
		// The provider's tokens are of use at its own stand-in alone.
		c.env = append(c.env, "YOUTUBE_API="+raw.Issuer)
	} else {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer serveLoopback(l, demo.NewDashboard()).Close()
		raw.Upstream = "http://" + l.Addr().String()
		raw.Headers = "sidegate" // the sample dashboard knows no others
		if raw.App == "auto" {
			raw.App = "none" // and nobody has to find out what it is
		}
	}
	parsed, err := raw.Parse()
	if err != nil {
		return err
	}
	if c != nil {
		c.app, c.open = parsed.Proxy.App, parsed.Public
	}
	s, err := newServer(parsed, nil, to)
	if err != nil {
		return err
	}
	s.banner(to, args)
	if c != nil {
		return serveChild(ctx, s, c, to)
	}
	return s.serve(ctx)
}

// demoSettings replaces what decides who may enter; addresses stay settable, but
// only on loopback, since anyone who reaches the demo can be anyone.
func demoSettings(raw config.Raw) (config.Raw, error) {
	set := raw
	raw = config.Raw{
		Listen: raw.Listen, AdminListen: raw.AdminListen, Drain: raw.Drain, App: raw.App, Notice: raw.Notice,
		Name: raw.Name, Logo: raw.Logo, SignInPage: raw.SignInPage,
		Headers: raw.Headers, LogLevel: raw.LogLevel, LogFormat: raw.LogFormat,
		RolesFile: raw.RolesFile,
		Scopes:    raw.Scopes, ConnectScopes: raw.ConnectScopes, TokenHeader: raw.TokenHeader,
	}.WithDefaults()
	for _, a := range []struct {
		name  string
		value *string
		given bool
	}{
		{"SIDEGATE_LISTEN", &raw.Listen, set.Listen != ""},
		{"SIDEGATE_ADMIN_LISTEN", &raw.AdminListen, set.AdminListen != ""},
	} {
		if !onLoopback(*a.value) {
			return raw, fmt.Errorf("the demo listens on this machine only, as anyone who reaches it can be anyone: %s=%s is not a loopback address, use 127.0.0.1", a.name, *a.value)
		}
		if !a.given {
			*a.value = freeAddress(*a.value)
		}
	}
	_, port, err := net.SplitHostPort(raw.Listen)
	if err != nil {
		return raw, fmt.Errorf("SIDEGATE_LISTEN: %w", err)
	}
	raw.PublicURL = "http://localhost:" + port
	raw.ClientID, raw.ClientSecret = demo.ClientID, rand.Text()
	raw.AllowedDomains = demo.Domain
	raw.SessionStore = "memory:"
	return raw, nil
}

func onLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// freeAddress returns addr, or another port of the same host if that one is taken.
func freeAddress(addr string) string {
	for _, try := range []string{addr, "127.0.0.1:0"} {
		if l, err := net.Listen("tcp", try); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	return addr
}

// startProvider starts the built-in provider and makes it the issuer.
func startProvider(raw *config.Raw) (loopbackServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return loopbackServer{}, err
	}
	raw.Issuer = "http://" + l.Addr().String()
	provider, err := demo.NewProvider(raw.Issuer, raw.PublicURL+"/_gate/callback", raw.ClientSecret)
	if err != nil {
		return loopbackServer{}, errors.Join(err, l.Close())
	}
	return serveLoopback(l, provider), nil
}

// banner says what to do, and what this is not.
func (s *server) banner(to streams, args []string) {
	what := "a sample dashboard"
	if len(args) > 0 {
		what = strings.Join(args, " ")
	}
	g := s.greeter(to)
	fmt.Fprintf(to.err, `
  %s

  Open      %s
  You see   %s, behind sign-in
  Try       alice or bob (let in), mallory (refused)
  Stop      Ctrl-C

`, g.paint(red, "DEMO: anyone on this machine can be anyone. Never expose this."), g.paint(bold, s.config.Public.String()), what)
}
