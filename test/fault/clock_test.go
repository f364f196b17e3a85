package fault

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sidegate/identity"
	"sidegate/login/logintest"
	"sidegate/session"
)

// FLT-21: a provider whose clock is a minute off signs people in; one whose clock is
// ten minutes off, or a day, does not, and the log says that it is the clocks.
func TestClocksMayDifferByAMinute(t *testing.T) {
	t.Parallel()
	s := newSite(t, settings{"SESSION_STORE": "memory:"})
	r := s.replica(nil)
	signIns := 0
	for _, off := range []time.Duration{-58 * time.Second, -30 * time.Second, 0, 30 * time.Second, 58 * time.Second} {
		s.shiftProvider(off)
		for range 5 {
			if err := newPerson("punctual").signIn(t.Context(), r.door); err != nil {
				t.Errorf("with the provider's clock %v off: %v", off, err)
				continue
			}
			signIns++
		}
	}
	refused, silent := 0, 0
	for _, off := range []time.Duration{-24 * time.Hour, -11 * time.Minute, 10 * time.Minute, 24 * time.Hour} {
		s.shiftProvider(off)
		before := len(r.Output.String())
		p := newPerson("strange")
		if err := p.signIn(t.Context(), r.door); err == nil || p.signedIn() {
			t.Errorf("with the provider's clock %v off somebody got in", off)
			continue
		}
		refused++
		said := func() bool { return strings.Contains(r.Output.String()[before:], "clock") }
		for giveUp := time.Now().Add(5 * time.Second); !said() && time.Now().Before(giveUp); {
			time.Sleep(5 * time.Millisecond) // the record comes behind the answer
		}
		if !said() {
			silent++
			t.Errorf("with the provider's clock %v off the log does not name the clocks:\n%s", off, r.Output.String()[before:])
		}
	}
	t.Logf("FLT-21: sign-ins failed %d of 25 within a minute, refused %d of 4 beyond, without a word of clocks in the log %d", 25-signIns, refused, silent)
}

func (s *site) shiftProvider(off time.Duration) {
	s.provider.Change(func(script *logintest.Script) {
		script.Now = func() time.Time { return time.Now().Add(off) }
	})
}

// FLT-21: a clock that is set forward or back by an hour ends nobody's session: its
// limits are longer than that, and activity before the jump is not held against it.
func TestAClockThatJumpsEndsNoSession(t *testing.T) {
	t.Parallel()
	var off time.Duration
	keys, err := session.NewKeys(oldSecret)
	if err != nil {
		t.Fatal(err)
	}
	store := session.NewMemory(1000)
	defer store.Close()
	m := session.NewManager(session.Options{
		Store: store, Keys: keys, Live: &session.Live{}, Audience: "http://localhost:8080",
		Limits: session.Limits{Idle: 12 * time.Hour, Max: 168 * time.Hour},
		Now:    func() time.Time { return time.Now().Add(off) },
	})
	var all []*http.Request
	for range 200 {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
		if _, err := m.Create(w, r, session.SignIn{Identity: identity.Identity{Issuer: "https://accounts.google.com", Subject: "1001", Email: "alice@example.com", EmailVerified: true}}); err != nil {
			t.Fatal(err)
		}
		for _, c := range w.Result().Cookies() {
			r.AddCookie(c)
		}
		all = append(all, r)
	}
	lost := 0
	for _, off = range []time.Duration{0, time.Hour, 0, -time.Hour, 2 * time.Hour, 0} {
		for _, r := range all {
			s, err := m.Find(r)
			if err == nil {
				_, err = m.Touch(r.Context(), s)
			}
			if err != nil {
				lost++
				t.Errorf("with the clock %v off: %v", off, err)
			}
		}
	}
	t.Logf("FLT-21: sessions lost %d of %d over jumps of an hour", lost, len(all))
}
