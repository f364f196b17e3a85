package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"sidegate/identity"
	"sidegate/session"
)

// people are sessions that sidegate's own code writes where sidegate will find them, as
// signing in a hundred thousand times through the provider would take an hour.
type people struct {
	*session.Manager
	issuer string       // of their provider
	clock  atomic.Int64 // how far it is ahead, in ns
}

// newPeople returns a Manager on a store, as sidegate has one, with a clock that can be
// put forward.
func newPeople(store session.Store, secret, public, issuer string) (*people, error) {
	keys, err := session.NewKeys(secret)
	if err != nil {
		return nil, err
	}
	p := &people{issuer: issuer}
	p.Manager = session.NewManager(session.Options{
		Store: store, Keys: keys, Live: &session.Live{}, Audience: public,
		Limits: session.Limits{Idle: 12 * time.Hour, Max: 168 * time.Hour, Grace: time.Minute},
		Now:    func() time.Time { return time.Now().Add(time.Duration(p.clock.Load())) },
	})
	return p, nil
}

// person is the n-th.
func (p *people) person(n int) identity.Identity {
	return identity.Identity{
		Issuer: p.issuer, Subject: fmt.Sprintf("1%020d", n), Email: fmt.Sprintf("person-%d@example.com", n),
		EmailVerified: true, Name: fmt.Sprintf("Person Number %d", n), Picture: "https://lh3.googleusercontent.com/a/ACg8ocKq3o7hKx0PZ2m5f0mO4bV1tq=s96-c",
	}
}

// signIn gives each of the people from and up to to a session, and returns them with
// their Cookie headers.
func (p *people) signIn(ctx context.Context, from, to, atATime int) ([]session.Session, []string, error) {
	sessions, cookies := make([]session.Session, to-from), make([]string, to-from)
	err := crowd(to-from, atATime, func(i int) error {
		s, cookie, err := p.signInOne(ctx, p.person(from+i))
		// A call of the store has 250 ms, which a busy machine may let pass.
		for range 5 {
			if err != nil {
				s, cookie, err = p.signInOne(ctx, p.person(from+i))
			}
		}
		sessions[i], cookies[i] = s, cookie
		return err
	})
	return sessions, cookies, err
}

func (p *people) signInOne(ctx context.Context, who identity.Identity) (session.Session, string, error) {
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	r.Header = browserHeader()
	s, err := p.Create(w, r, session.SignIn{Identity: who, Address: "127.0.0.1"})
	if err != nil {
		return s, "", err
	}
	c := w.Result().Cookies()[0]
	return s, c.Name + "=" + c.Value, nil
}

// crowd does n things, some at a time.
func crowd(n, atATime int, do func(int) error) error {
	var (
		next  atomic.Int64
		all   sync.WaitGroup
		fault = make(chan error, atATime)
	)
	for range atATime {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					fault <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(fault)
	return <-fault
}

// asking is a request with a cookie.
func asking(ctx context.Context, cookie string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	r.Header.Set("Cookie", cookie)
	return r
}
