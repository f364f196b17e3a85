package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Manager makes, finds and ends sessions.
//
// What is found comes from a copy in this process while that is fresh, else from
// the store; see copies for how far a copy is trusted. What ends is ended in the store first,
// then here, and by the store's feed everywhere else.
type Manager struct {
	Options
	cookie Cookie
	sealer sealer
	copies *copies
	reads  chan struct{} // holds one for each read under way

	looking, probing single
}

// Options are what a Manager works with; all but Tokens are
// needed.
type Options struct {
	Store    Store
	Keys     Keys
	Live     *Live            // ended together with their session
	Audience string           // the public URL: whom sessions are for
	Limits   Limits           // how long sessions live
	Now      func() time.Time // the clock
	Tokens   bool             // sessions may have API tokens, whose record lives as long as theirs
}

// NewManager returns a Manager. Until Follow runs, it hears of no revocation by
// others.
func NewManager(o Options) *Manager {
	return &Manager{
		Options: o,
		cookie:  NewCookie(strings.HasPrefix(o.Audience, "https:"), o.Limits.Max),
		sealer:  sealer{keys: o.Keys, audience: o.Audience, limits: o.Limits},
		copies:  newCopies(o.Now),
		reads:   make(chan struct{}, maxReads),
	}
}

// Create stores a new session and gives the browser its cookie. A session
// that the browser had before is ended: an identifier never survives a sign-in
// (session fixation, SEC-SESS-04).
func (m *Manager) Create(w http.ResponseWriter, r *http.Request, in SignIn) (Session, error) {
	if in.Identity.IsZero() {
		return Session{}, errors.New("session: nobody to sign in")
	}
	now := m.Now()
	s := m.sealer.complete(Session{
		Identity: in.Identity, Provider: in.Provider, Created: now, Seen: now,
		Browser: browserOf(r.UserAgent()), Address: in.Address, token: NewToken(), sealedWith: m.Keys.Newest(),
	})
	if !in.Tokens.IsZero() { // first, so that a session that is there has its tokens
		if err := m.putTokens(r.Context(), m.Ticket(s), s.Expires, in.Tokens); err != nil {
			return Session{}, fmt.Errorf("session: store tokens: %w", err)
		}
	}
	if err := m.store(r.Context(), s); err != nil {
		return Session{}, fmt.Errorf("session: store: %w", err)
	}
	if _, err := m.endAll(r); err != nil {
		return Session{}, fmt.Errorf("session: end the former session: %w", err)
	}
	m.cookie.Set(w, s.token.Cookie())
	return s, nil
}

// store files a new session under its person, and puts its record. In this order:
// a session that no revocation finds must not come to be.
func (m *Manager) store(ctx context.Context, s Session) error {
	value, err := m.sealer.seal(s)
	if err != nil {
		return err
	}
	key := s.token.key(m.Audience)
	if err := m.file(ctx, s); err != nil {
		return err
	}
	began := m.copies.begin()
	f, _ := m.copies.join(key) // nobody else knows the token
	err = m.Store.Put(ctx, key, value, m.ttl(s))
	if err == nil {
		// Whoever listed the person's sessions between the two took out a member that
		// had no record yet.
		err = m.file(ctx, s)
	}
	m.copies.land(key, f, s, err, began, 0)
	return f.err
}

// file makes s a member of its groups, under the newest secret's names.
func (m *Manager) file(ctx context.Context, s Session) error {
	for _, names := range m.sealer.groups(s.Identity, s.Provider.SessionID) {
		if err := m.Store.Join(ctx, names[0], s.token.key(m.Audience), max(s.Ends.Sub(m.Now()), time.Second)); err != nil {
			return err
		}
	}
	return nil
}

// Touch notes activity, at most once a step, so that a busy page costs the store
// next to nothing; it returns the session with its new limits. ErrNone: it was
// ended meanwhile, and stays so. While the store is in trouble nobody waits for it.
func (m *Manager) Touch(ctx context.Context, s Session) (Session, error) {
	if m.Now().Sub(s.Seen) < m.Limits.step() {
		return s, nil
	}
	return m.touchNow(ctx, s)
}

// touchNow is apart from Touch, which nearly always has nothing to do and then costs
// no copy of the session.
func (m *Manager) touchNow(ctx context.Context, s Session) (Session, error) {
	key := s.token.key(m.Audience)
	s, mine := m.copies.claim(key, s)
	switch {
	case !mine:
		return s, nil
	case m.copies.troubled():
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
		go func() {
			defer cancel()
			_, _ = m.note(ctx, key, s)
		}()
		return s, nil
	}
	return m.note(ctx, key, s)
}

// note writes the activity of a session that was claimed.
func (m *Manager) note(ctx context.Context, key string, s Session) (Session, error) {
	began := m.copies.begin()
	touched, err := m.touch(ctx, key, s)
	m.copies.touched(key, touched, err, began)
	if errors.Is(err, ErrNone) {
		m.forget(key)
	}
	if err != nil {
		return s, err
	}
	return touched, nil
}

func (m *Manager) touch(ctx context.Context, key string, s Session) (Session, error) {
	if !m.Keys.Holds(s.sealedWith) {
		return s, ErrNone // what only a retired secret opens has ended
	}
	s.Seen = m.Now()
	s = m.sealer.complete(s)
	value, err := m.sealer.seal(s)
	if err != nil {
		return s, err
	}
	if err := m.Store.Replace(ctx, key, value, m.ttl(s)); err != nil {
		return s, err
	}
	if m.Options.Tokens { // most sessions have none; where it fails, there is the slack
		_ = m.Store.Extend(ctx, tokensKey(key), m.tokensTTL(s.Expires))
	}
	if now := m.Keys.Newest(); now != s.sealedWith {
		// Its groups have the names of a secret that may be retired one day.
		if err := m.file(ctx, s); err == nil {
			s.sealedWith = now
		}
	}
	return s, nil
}

// Carried reports whether a request carries a session cookie, of whatever worth.
func (m *Manager) Carried(r *http.Request) bool { return len(m.cookie.Tokens(r)) > 0 }

// End ends the browser's sessions with every connection opened under them, takes
// the cookie away, and returns the sessions. When the store does
// not answer the cookie stays and the error is returned: nobody is told that they
// are signed out while their token still works (SEC-OUT-06).
func (m *Manager) End(w http.ResponseWriter, r *http.Request) ([]Session, error) {
	ended, err := m.endAll(r)
	if err != nil {
		return nil, fmt.Errorf("session: end: %w", err)
	}
	m.cookie.Clear(w)
	// Or the browser's Back shows the app's pages as they were, from its caches
	// (SEC-OUT-12). Cookies and storage of the app are its own to keep.
	w.Header().Set("Clear-Site-Data", `"cache"`)
	return ended, nil
}

// endAll asks the store, and no copy, what there is to end: a session is over when
// the store says so.
func (m *Manager) endAll(r *http.Request) ([]Session, error) {
	var ended []Session
	for _, t := range m.cookie.Tokens(r) {
		key := t.key(m.Audience)
		s, err := m.load(r.Context(), t, key)
		gone := errors.Is(err, ErrNone)
		if err == nil {
			s.Provider.Token = m.lastToken(r.Context(), s)
		}
		if err == nil || gone {
			// Also what cannot be opened here: another replica may have the secret already.
			err = m.revoke(r.Context(), key)
		}
		if err != nil {
			return nil, err
		}
		if gone {
			continue
		}
		m.unfile(r.Context(), key, m.sealer.groups(s.Identity, s.Provider.SessionID)...)
		ended = append(ended, s)
	}
	return ended, nil
}

// lastToken returns what revokes the grant of a session that is about to end. The
// token of the sign-in itself may have been exchanged for others since.
func (m *Manager) lastToken(ctx context.Context, s Session) string {
	t, err := m.Tokens(ctx, m.Ticket(s))
	if err != nil { // a sign-out does not depend on it
		return s.Provider.Token
	}
	return cmp.Or(t.Refresh, t.Access)
}

// ttl is the store's lifetime for s; never zero or negative, whatever the clock did.
func (m *Manager) ttl(s Session) time.Duration {
	return max(s.Expires.Sub(m.Now()), time.Second)
}
