package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"sidegate/config"
	"sidegate/doctor"
	"sidegate/identity"
	"sidegate/proxy"
	"sidegate/proxy/apps"
	"sidegate/session"
)

// appChecks look at the app as sidegate will reach it.
func (p *patient) appChecks() []doctor.Check {
	switch {
	case p.noApp:
		return doctor.NoApp("no SIDEGATE_UPSTREAM, and `run` needs none; `sidegate doctor -- CMD` starts the app for a look")
	case p.order.offline:
		return doctor.NoApp("--offline")
	case p.config.Upstream == nil:
		return doctor.NoApp("SIDEGATE_UPSTREAM has a fault")
	case p.config.Public == nil:
		return doctor.NoApp("SIDEGATE_PUBLIC_URL has a fault")
	}
	u := p.config.Upstream
	return doctor.AppChecks(doctor.App{
		URL: u, Public: p.config.Public, Known: onceKnown(p.known), Local: isLocalHost(u.Hostname()),
		Around: func(ctx context.Context) string { return exposed(ctx, p.others, portOf(u)) },
	})
}

func isLocalHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return map[bool]string{true: "443", false: "80"}[u.Scheme == "https"]
}

// onceKnown has an answer looked for once, for all who ask.
func onceKnown(find func(context.Context) doctor.Known) func(context.Context) doctor.Known {
	var mu sync.Mutex
	var found *doctor.Known
	return func(ctx context.Context) doctor.Known {
		mu.Lock()
		defer mu.Unlock()
		if found == nil {
			k := find(ctx)
			found = &k
		}
		return *found
	}
}

// known is what the setting says of the app, or its own answers.
func (p *patient) known(ctx context.Context) doctor.Known {
	app := apps.Named(p.config.Proxy.App)
	if p.config.Proxy.App == "auto" {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		app, _ = apps.Recognise(ctx, proxy.NewUpstream(p.config.Upstream).Look) // none, if it does not answer
	}
	return doctor.Known{Name: app.Name, Title: app.Title, Socket: app.Socket.Path, Protocols: app.Socket.Protocols}
}

// insideChecks look what sidegate itself does with requests, with these settings, in
// front of an app that tells what it gets.
func (p *patient) insideChecks() []doctor.Check {
	var once sync.Mutex
	var made *doctor.Inside
	return doctor.InsideChecks(func(ctx context.Context) doctor.Inside {
		once.Lock()
		defer once.Unlock()
		if made == nil {
			i, err := p.inside()
			i.Err = err
			made = &i
		}
		return *made
	})
}

var errSettings = errors.New("the settings have faults, see above")

// inside starts a sidegate on free ports of the loopback. What it differs in from the
// real one is where its sessions are, who may enter, and the app.
func (p *patient) inside() (doctor.Inside, error) {
	if len(p.faults) > 0 {
		return doctor.Inside{}, errSettings
	}
	app, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return doctor.Inside{}, err
	}
	p.ending = append(p.ending, func() { app.Close() })
	serveLoopback(app, doctor.NewEcho())

	c := p.config
	c.Listen, c.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	c.Upstream = &url.URL{Scheme: "http", Host: app.Addr().String()}
	c.Session.Store, c.Session.Secrets = config.Store{Kind: config.StoreMemory}, nil
	c.Access, c.Groups = config.Access{Anyone: true, DomainClaim: c.Access.DomainClaim}, config.Groups{}
	c.Provider.Scopes, c.Provider.Connect, c.Proxy.TokenHeader = nil, nil, ""
	c.Proxy.App, c.Proxy.PublicPaths = "none", nil
	s, err := newServer(c, nil, streams{io.Discard, io.Discard})
	if err != nil {
		return doctor.Inside{}, err
	}
	s.admin.Close()
	go s.public.http.Serve(s.public.Listener)
	p.ending = append(p.ending, func() { s.public.http.Close(); s.store.Close() })
	return s.signedIn()
}

// signedIn makes a session in s, and says how to use it.
func (s *server) signedIn() (doctor.Inside, error) {
	who := identity.Identity{
		Issuer: s.config.Provider.Issuer, Subject: "sidegate-doctor", Name: "The doctor",
		Email: "doctor@sidegate.invalid", EmailVerified: true,
	}
	w := answerHead{}
	r := &http.Request{Header: http.Header{}, URL: &url.URL{Path: "/"}}
	if _, err := s.sessions.Create(w, r, session.SignIn{Identity: who}); err != nil {
		return doctor.Inside{}, err
	}
	cookies := (&http.Response{Header: w.Header()}).Cookies()
	if len(cookies) == 0 {
		return doctor.Inside{}, errors.New("a session came without a cookie")
	}
	return doctor.Inside{
		Addr: s.public.Addr().String(), Public: s.config.Public, Email: who.Email,
		Cookie: cookies[0].Name + "=" + cookies[0].Value, Names: forgeable(s.config.Proxy.Headers),
	}, nil
}

// forgeable lists headers that only sidegate may send, in its words and those of other
// proxies, and those of the settings.
func forgeable(rules []config.HeaderRule) []string {
	names := []string{
		"X-User-Email", "X-User-Id", "X-User-Name", "X-User-Picture", "X-User-Groups", "X-User-Roles", "X-User-Logged-In",
		"X-User-Assertion", "X-User-Ticket", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Access-Token",
		"X-Forwarded-For", "X-Forwarded-Host", "X-Auth-Request-Email", "X-Goog-Authenticated-User-Email", "X-Webauth-User",
		"Remote-User", "X-Remote-User", "X-Authentik-Username", "Cf-Access-Authenticated-User-Email", "X-Pomerium-Claim-Email",
		"X-Sp-Userid", "Tailscale-User-Login", "X-Real-Ip", "X-Original-Url", "X-Rewrite-Url",
	}
	for _, r := range rules {
		if r.Name != "" {
			names = append(names, r.Name)
		}
	}
	return names
}

// answerHead is the head of an answer that goes nowhere.
type answerHead http.Header

func (h answerHead) Header() http.Header         { return http.Header(h) }
func (h answerHead) Write(b []byte) (int, error) { return len(b), nil }
func (h answerHead) WriteHeader(int)             {}

// answersAt reports whether somebody takes connections at addr.
func answersAt(ctx context.Context, addr string) bool {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// maxKept bounds what is kept of an app's output, in bytes.
const maxKept = 64 << 10

// lockedWriter keeps the end of what an app prints.
type lockedWriter struct {
	mu sync.Mutex
	to []byte
}

func (w *lockedWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to = append(w.to, b...)
	if len(w.to) > maxKept {
		w.to = append([]byte(nil), w.to[len(w.to)-maxKept/2:]...)
	}
	return len(b), nil
}

func (w *lockedWriter) tail(n int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.to[max(0, len(w.to)-n):])
}
