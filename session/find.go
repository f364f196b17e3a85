package session

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Find returns the session of the request's cookie. ErrNone: there is none, or
// it has ended. Any other error: the store cannot say.
func (m *Manager) Find(r *http.Request) (Session, error) {
	failure := ErrNone
	var room [maxCandidates]Token
	for _, t := range m.cookie.appendTokens(room[:0], r) {
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

// Refresh looks for s again: the same session with its present limits, ErrNone when
// it has ended, any other error when the store cannot say.
func (m *Manager) Refresh(ctx context.Context, s Session) (Session, error) {
	return m.find(ctx, s.token)
}

func (m *Manager) find(ctx context.Context, t Token) (Session, error) {
	key := t.key(m.Audience)
	s, trust := m.copies.look(key, m.Limits.Grace)
	switch trust {
	case standing:
		return s, nil
	case buried:
		return Session{}, ErrNone
	case instead: // and the store is asked whether it is back
		m.begin(ctx, t, key)
		return s, nil
	}
	return m.read(ctx, t, key)
}

const (
	// readTime bounds a read of the store, the wait for its turn included.
	readTime = 2 * time.Second
	// maxReads is how many sessions are read at the same time. When a thousand browsers
	// come back at once, each read has its whole time from when it has its turn.
	maxReads = 32
)

// read asks the store, once for all who ask for the same session at the same time.
// It goes on when one of them leaves: a browser that does not wait must not fail
// the others, nor be taken for a store in trouble.
func (m *Manager) read(ctx context.Context, t Token, key string) (Session, error) {
	f := m.begin(ctx, t, key)
	select {
	case <-f.done:
		return f.session, f.err
	case <-ctx.Done():
		return Session{}, ctx.Err()
	}
}

// begin returns the read of a session that is under way, or begins one.
func (m *Manager) begin(ctx context.Context, t Token, key string) *flight {
	f, first := m.copies.join(key)
	if !first {
		return f
	}
	began := m.copies.begin()
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
		defer cancel()
		s, err := m.loadInTurn(ctx, t, key)
		m.copies.land(key, f, s, err, began, m.Limits.Grace)
		if f.err == ErrNone { // and it never comes back: its token was drawn once
			m.Live.CloseSession(idOf(key))
		}
	}()
	return f
}

func (m *Manager) loadInTurn(ctx context.Context, t Token, key string) (Session, error) {
	select {
	case m.reads <- struct{}{}:
		defer func() { <-m.reads }()
		return m.load(ctx, t, key)
	case <-ctx.Done():
		return Session{}, ctx.Err()
	}
}

// load reads the store.
func (m *Manager) load(ctx context.Context, t Token, key string) (Session, error) {
	value, err := m.Store.Get(ctx, key)
	if errors.Is(err, ErrNone) {
		return Session{}, ErrNone
	}
	if err != nil {
		return Session{}, err
	}
	s, err := m.sealer.open(t, value)
	if err == nil && !m.Now().Before(s.Expires) {
		err = ErrNone
	}
	return s, err
}
