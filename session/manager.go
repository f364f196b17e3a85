package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sidegate/identity"
)

// Session is one browser's sign-in.
type Session struct {
	ID       string // names the session; safe to show and to log
	Identity identity.Identity
	Created  time.Time
	Seen     time.Time // last activity, in coarse steps
	Expires  time.Time // when it ends unless there is activity
	Ends     time.Time // when it ends whatever happens

	token Token
}

// String names a session without its token.
func (s Session) String() string { return "session " + s.ID }

// GoString keeps the token out of "%#v" as well.
func (s Session) GoString() string { return s.String() }

// Limits says how long sessions live. Idle is the time without activity, Max
// the time since sign-in; Idle 0 sets no idle limit.
type Limits struct{ Idle, Max time.Duration }

// Manager makes, finds and ends sessions. Limits are taken from the running
// configuration, not from the record: a shorter one applies at once.
type Manager struct {
	Options
	cookie Cookie
}

// Options are what a Manager works with; all of them are needed.
type Options struct {
	Store    Store
	Keys     Keys
	Live     *Live            // ended together with their session
	Audience string           // the public URL: whom sessions are for
	Limits   Limits           // how long sessions live
	Now      func() time.Time // the clock
}

// NewManager returns a Manager.
func NewManager(o Options) *Manager {
	return &Manager{Options: o, cookie: NewCookie(strings.HasPrefix(o.Audience, "https:"), o.Limits.Max)}
}

// record is the sealed form of a session. Fields may be added; a change that old
// readers would misread needs a new sealVersion.
type record struct {
	Identity identity.Identity `json:"id"`
	Created  int64             `json:"created"` // Unix milliseconds
	Seen     int64             `json:"seen"`
}

const recordPurpose = "session"

// Create stores a new session for id and gives the browser its cookie. A session
// that the browser had before is ended: an identifier never survives a sign-in
// (session fixation, SEC-SESS-04).
func (m *Manager) Create(w http.ResponseWriter, r *http.Request, id identity.Identity) (Session, error) {
	if id.IsZero() {
		return Session{}, errors.New("session: nobody to sign in")
	}
	now := m.Now()
	s := Session{Identity: id, Created: now, Seen: now, token: NewToken()}
	m.complete(&s)
	sealed, err := m.seal(s)
	if err != nil {
		return Session{}, err
	}
	if err := m.Store.Put(r.Context(), s.token.key(m.Audience), sealed, m.ttl(s)); err != nil {
		return Session{}, fmt.Errorf("session: store: %w", err)
	}
	if err := m.endAll(r); err != nil {
		return Session{}, fmt.Errorf("session: end the former session: %w", err)
	}
	m.cookie.Set(w, s.token.Cookie())
	return s, nil
}

// Find returns the session of the request's cookie. ErrNone: there is none, or
// it has ended. Any other error: the store cannot say.
func (m *Manager) Find(r *http.Request) (Session, error) {
	failure := ErrNone
	for _, t := range m.cookie.Tokens(r) {
		s, err := m.find(r.Context(), t)
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, ErrNone) {
			failure = err
		}
	}
	return Session{}, failure
}

// Refresh reads s again: the same session with its present limits, ErrNone when
// it has ended, any other error when the store cannot say.
func (m *Manager) Refresh(ctx context.Context, s Session) (Session, error) {
	return m.find(ctx, s.token)
}

func (m *Manager) find(ctx context.Context, t Token) (Session, error) {
	sealed, err := m.Store.Get(ctx, t.key(m.Audience))
	if err != nil {
		return Session{}, err
	}
	plain, err := m.Keys.Open(recordPurpose, m.bind(t), sealed)
	if err != nil {
		// Written by a newer version, with a retired secret, or by somebody else:
		// not a session of ours, and signing in again mends it.
		return Session{}, ErrNone
	}
	var rec record
	if err := json.Unmarshal(plain, &rec); err != nil {
		return Session{}, ErrNone
	}
	s := Session{
		Identity: rec.Identity, token: t,
		Created: time.UnixMilli(rec.Created), Seen: time.UnixMilli(rec.Seen),
	}
	m.complete(&s)
	if s.Identity.IsZero() || !m.Now().Before(s.Expires) {
		return Session{}, ErrNone
	}
	return s, nil
}

// Touch notes activity, at most once a step, so that a busy page costs the store
// next to nothing; it returns the session with its new limits. ErrNone: it was
// ended meanwhile, and stays so.
func (m *Manager) Touch(ctx context.Context, s Session) (Session, error) {
	now := m.Now()
	if now.Sub(s.Seen) < m.step() {
		return s, nil
	}
	s.Seen = now
	m.complete(&s)
	sealed, err := m.seal(s)
	if err != nil {
		return s, err
	}
	return s, m.Store.Replace(ctx, s.token.key(m.Audience), sealed, m.ttl(s))
}

// End ends the browser's sessions with every connection opened under them, and
// takes the cookie away. When the store does
// not answer the cookie stays and the error is returned: nobody is told that they
// are signed out while their token still works (SEC-OUT-06).
func (m *Manager) End(w http.ResponseWriter, r *http.Request) error {
	if err := m.endAll(r); err != nil {
		return fmt.Errorf("session: end: %w", err)
	}
	m.cookie.Clear(w)
	return nil
}

func (m *Manager) endAll(r *http.Request) error {
	for _, t := range m.cookie.Tokens(r) {
		key := t.key(m.Audience)
		if err := m.Store.Revoke(r.Context(), key); err != nil {
			return err
		}
		m.Live.CloseSession(idOf(key))
	}
	return nil
}

// idOf names a session by a part of its store key: enough to tell sessions
// apart, too little to find the record.
func idOf(key string) string { return key[2 : 2+16] }

// step is how coarsely activity is written: a twentieth of the idle limit, at
// most a minute. A session can so end that much before its idle limit, never
// after it.
func (m *Manager) step() time.Duration {
	if m.Limits.Idle == 0 {
		return time.Minute
	}
	return min(m.Limits.Idle/20, time.Minute)
}

// complete derives what a record does not hold.
func (m *Manager) complete(s *Session) {
	s.ID = idOf(s.token.key(m.Audience))
	s.Ends = s.Created.Add(m.Limits.Max)
	s.Expires = s.Ends
	if m.Limits.Idle > 0 {
		if idle := s.Seen.Add(m.Limits.Idle); idle.Before(s.Expires) {
			s.Expires = idle
		}
	}
}

func (m *Manager) seal(s Session) ([]byte, error) {
	plain, err := json.Marshal(record{Identity: s.Identity, Created: s.Created.UnixMilli(), Seen: s.Seen.UnixMilli()})
	if err != nil {
		return nil, fmt.Errorf("session: encode: %w", err)
	}
	return m.Keys.Seal(recordPurpose, m.bind(s.token), plain)
}

func (m *Manager) bind(t Token) []byte { return append([]byte(m.Audience+"\x00"), t[:]...) }

// ttl is the store's lifetime for s; never zero or negative, whatever the clock did.
func (m *Manager) ttl(s Session) time.Duration {
	return max(s.Expires.Sub(m.Now()), time.Second)
}
