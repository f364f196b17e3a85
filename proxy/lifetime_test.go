package proxy_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"sidegate/proxy"
	"sidegate/session"
)

// keepSending writes b every step until the connection is gone or ctx is done.
func keepSending(ctx context.Context, w io.Writer, b string, step time.Duration) {
	for tick := time.NewTicker(step); ctx.Err() == nil; <-tick.C {
		if _, err := io.WriteString(w, b); err != nil {
			return
		}
	}
}

// SEC-WS-05, SEC-SESS-14: what keeps a session alive is what a person does: data
// from the browser. Pings, and what the app sends, are no activity.
func TestIdleLimitOnTunnels(t *testing.T) {
	for name, c := range map[string]struct {
		fromBrowser, fromApp string
		idle                 bool
	}{
		"silence":       {"", "", true},
		"browser pings": {"\x89\x80\x01\x02\x03\x04", "", true},
		"app's data":    {"", "\x82\x01x", true},
		"data":          {"\x82\x81\x01\x02\x03\x04x", "", false},
		"fragments":     {"\x00\x81\x01\x02\x03\x04x", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const idle = 1500 * time.Millisecond
			g := start(t, setup{limits: session.Limits{Idle: idle, Max: time.Hour}})
			begin := time.Now()
			browser, app := g.socket(t, g.signIn(t, alice()))
			sending, stop := context.WithTimeout(t.Context(), 2*idle)
			defer stop()
			if c.fromBrowser != "" {
				go keepSending(sending, browser, c.fromBrowser, 50*time.Millisecond)
			}
			if c.fromApp != "" {
				go keepSending(t.Context(), app, c.fromApp, 50*time.Millisecond)
			}
			go io.Copy(io.Discard, app.in)
			listen(browser.in).wantClose(t, name, 1008, "session ended")
			took := time.Since(begin)
			// The idle limit is kept in steps, a twentieth of it.
			if least := 2*idle - 500*time.Millisecond; !c.idle && took < least {
				t.Errorf("the session ended after %v of activity, want at least %v", took, least)
			}
			if most := 2*idle - 300*time.Millisecond; c.idle && took > most || took < idle-idle/10 {
				t.Errorf("the session ended after %v, want about %v", took, idle)
			}
		})
	}
}

// Two tabs are one session: activity in one keeps the other's tunnel open.
func TestActivityElsewhereKeepsATunnelOpen(t *testing.T) {
	t.Parallel()
	const idle = 1500 * time.Millisecond
	g := start(t, setup{limits: session.Limits{Idle: idle, Max: time.Hour}})
	cookie := g.signIn(t, alice())
	browser, _ := g.socket(t, cookie)
	begin := time.Now()
	go func() {
		for time.Since(begin) < 2*idle {
			g.ask(t, message("HEAD", "/", cookie))
			time.Sleep(100 * time.Millisecond)
		}
	}()
	listen(browser.in).wantClose(t, "a silent tab", 1008, "session ended")
	if took, least := time.Since(begin), 2*idle; took < least {
		t.Errorf("the silent tab was closed after %v, want at least %v", took, least)
	}
}

// SEC-WS-05: no activity reaches past the absolute limit; and a store that cannot
// say ends nothing before it.
func TestAbsoluteLimitOnTunnels(t *testing.T) {
	for name, outage := range map[string]error{"activity": nil, "outage": errors.New("timeout")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const limit = 1500 * time.Millisecond
			h := &hooks{}
			limits := session.Limits{Idle: time.Minute, Max: limit}
			if outage != nil {
				limits.Idle = limit / 5
			}
			g := start(t, setup{limits: limits, finder: func(_ *rig, f proxy.Finder) proxy.Finder { h.Finder = f; return h }})
			h.refresh = func() error { return outage }
			begin := time.Now()
			browser, _ := g.socket(t, g.signIn(t, alice()))
			if outage == nil {
				go keepSending(t.Context(), browser, "\x82\x81\x01\x02\x03\x04x", 50*time.Millisecond)
			}
			listen(browser.in).wantClose(t, name, 1008, "session ended")
			if took := time.Since(begin); took < limit-10*time.Millisecond {
				t.Errorf("the tunnel was closed after %v, want %v", took, limit)
			}
			eventually(t, "the record", func() bool { return strings.Contains(g.log.String(), "session_") })
		})
	}
}
