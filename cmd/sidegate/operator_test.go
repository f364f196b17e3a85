package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sidegate/config"
	"sidegate/identity"
	"sidegate/session"
)

// testIssuer is the provider of the settings of these tests.
const testIssuer = "http://127.0.0.1:1"

func person(name string) identity.Identity {
	return identity.Identity{Issuer: testIssuer, Subject: name + "-1", Email: name + "@example.com", EmailVerified: true, Name: "The " + name}
}

// operator is the private listener's handler over a store that can fail.
type operator struct {
	*httptest.Server
	sessions *session.Manager
	store    *failing
	log      *output
	later    time.Duration // added to the clock
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	o := &operator{store: &failing{Store: session.NewMemory(1_000_000)}, log: &output{}}
	keys, err := session.NewKeys(strings.Repeat("k", 32))
	if err != nil {
		t.Fatal(err)
	}
	o.sessions = session.NewManager(session.Options{
		Store: o.store, Keys: keys, Live: &session.Live{}, Audience: "https://app.example",
		Limits: session.Limits{Idle: time.Hour, Max: 24 * time.Hour}, Now: func() time.Time { return time.Now().Add(o.later) },
	})
	s := &server{
		config: config.Config{
			AdminListen: "admin.internal:8081", Provider: config.Provider{Issuer: testIssuer},
			Further: []config.Further{{Name: "okta", Provider: config.Provider{Issuer: "https://okta.example"}}},
		},
		sessions: o.sessions, log: slog.New(slog.NewTextHandler(o.log, nil)),
	}
	o.Server = httptest.NewServer(s.adminHandler())
	t.Cleanup(o.Close)
	return o
}

// failing is a store that fails when told to: each method at once, Each after some
// records.
type failing struct {
	session.Store
	after int   // records that Each visits before it fails
	err   error // nil: none fails
	twice bool  // Each tells of each record twice

	revoking chan struct{} // not nil: Revoke says here that it was called, and waits until it may go on
}

func (f *failing) Each(ctx context.Context, prefix string, visit func(string, []byte) error) error {
	n := 0
	return f.Store.Each(ctx, prefix, func(key string, value []byte) error {
		if n++; f.err != nil && n > f.after {
			return f.err
		}
		if err := visit(key, value); err != nil || !f.twice {
			return err
		}
		return visit(key, value)
	})
}

func (f *failing) Members(ctx context.Context, group string) ([]string, error) {
	if f.err != nil {
		return nil, f.err
	}
	return f.Store.Members(ctx, group)
}

func (f *failing) Revoke(ctx context.Context, keys ...string) error {
	if f.err != nil {
		return f.err
	}
	if f.revoking != nil {
		f.revoking <- struct{}{}
		f.revoking <- struct{}{}
	}
	return f.Store.Revoke(ctx, keys...)
}

// signIn makes a session and returns it with its cookie.
func signIn(t *testing.T, m *session.Manager, who identity.Identity, userAgent, address string) (session.Session, *http.Cookie) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("User-Agent", userAgent)
	w := httptest.NewRecorder()
	s, err := m.Create(w, r, session.SignIn{Identity: who, Address: address})
	if err != nil {
		t.Fatal(err)
	}
	return s, w.Result().Cookies()[0]
}

// signInNext makes a session a minute after all others.
func (o *operator) signInNext(t *testing.T, who identity.Identity) session.Session {
	t.Helper()
	o.later += time.Minute
	s, _ := signIn(t, o.sessions, who, "Firefox/144.0 (X11; Linux)", "192.0.2.7")
	return s
}

// send sends one request; header fields are "Name: value".
func (o *operator) send(t *testing.T, method, path, body string, fields ...string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, o.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Set(name, value)
		if name == "Host" {
			r.Host = value
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func (o *operator) list(t *testing.T, query string) sessionList {
	t.Helper()
	status, body := o.send(t, "GET", "/sessions"+query, "")
	var list sessionList
	if err := json.Unmarshal([]byte(body), &list); status != http.StatusOK || err != nil {
		t.Fatalf("GET /sessions%s: %d %s, %v", query, status, body, err)
	}
	return list
}

// left returns the ids of the sessions there are.
func (o *operator) left(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, s := range o.list(t, "").Sessions {
		all = append(all, s.ID)
	}
	return all
}
