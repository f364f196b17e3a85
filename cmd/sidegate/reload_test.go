package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sidegate/config"
	"sidegate/identity"
	"sidegate/session"
)

const (
	oldSecret = "o4n7VGGlce+kyxbSa2ZV2zMkmGRhv1QELihxxGJITcs="
	newSecret = "n4n7VGGlce+kyxbSa2ZV2zMkmGRhv1QELihxxGJITcs="
)

// FLT-27, SEC-CFG-06: a secret's file is read again: the new one seals, the old one
// opens as long as it is there, and what only a retired one opens ends at once.
func TestSecretsAreReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(oldSecret)
	s, _, _ := stoppable(t, "SECRET_FILE="+file)
	who := identity.Identity{Issuer: "i", Subject: "s"}
	w := httptest.NewRecorder()
	made, err := s.sessions.Create(w, httptest.NewRequest("GET", "/", nil), session.SignIn{Identity: who})
	if err != nil {
		t.Fatal(err)
	}
	var closed atomic.Bool
	s.live.Add(made, func(session.Reason) { closed.Store(true) })
	ask := httptest.NewRequest("GET", "/", nil)
	ask.AddCookie(w.Result().Cookies()[0])
	signedIn := func(want bool, when string) {
		t.Helper()
		_, err := s.sessions.Find(ask)
		if got := err == nil; got != want || !want && !errors.Is(err, session.ErrNone) {
			t.Errorf("%s: signed in %v (%v), want %v", when, got, err, want)
		}
		for giveUp := time.Now().Add(5 * time.Second); closed.Load() == want && time.Now().Before(giveUp); {
			time.Sleep(5 * time.Millisecond)
		}
		if closed.Load() == want {
			t.Errorf("%s: open connection closed %v", when, closed.Load())
		}
	}
	s.secrets.reload(t.Context())
	signedIn(true, "with nothing changed")
	write(newSecret + "," + oldSecret)
	s.secrets.reload(t.Context())
	signedIn(true, "with a new secret in front")
	write("half a sec")
	s.secrets.reload(t.Context())
	signedIn(true, "with a file that is half written")
	write(newSecret)
	s.secrets.reload(t.Context())
	signedIn(false, "with the old secret retired, under which the session was sealed")
}

// FLT-10: numbers for alerts, on the private listener, about nobody.
func TestMetricsTellWhatIsDown(t *testing.T) {
	s, _, _ := stoppable(t)
	for _, c := range []struct{ when, want string }{
		{"with all but the provider in order", "sidegate_store_up 1\n"},
		{"with all but the provider in order", "sidegate_provider_up 0\n"},
		{"with all but the provider in order", "sidegate_upstream_up 1\n"},
		{"with the store closed", "sidegate_store_up 0\n"},
	} {
		if c.when == "with the store closed" {
			s.store.Close()
		}
		res, err := http.Get("http://" + s.admin.Addr().String() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if !strings.Contains(string(body), "\n"+c.want) {
			t.Errorf("%s: no %q in\n%s", c.when, c.want, body)
		}
	}
}

func TestAnotherClientIdTakesARestart(t *testing.T) {
	settings(t, append(runnable(), "UPSTREAM=http://127.0.0.1:1")...)
	c, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	var logged output
	s, err := newServer(c, config.Load, streams{&logged, &logged})
	if err != nil {
		t.Fatal(err)
	}
	defer s.public.Close()
	defer s.admin.Close()
	t.Setenv("SIDEGATE_CLIENT_ID", "another")
	for range 3 {
		s.secrets.reload(t.Context())
	}
	if n := strings.Count(logged.String(), "takes a restart"); n != 1 {
		t.Errorf("said %d times, want once:\n%s", n, logged.String())
	}
	// And another client's secret is of no use to this one.
	t.Setenv("SIDEGATE_CLIENT_SECRET", "anothers-secret")
	if s.secrets.reload(t.Context()); strings.Contains(logged.String(), "client secret was replaced") {
		t.Error("the old client signs people in with another's secret")
	}
}
