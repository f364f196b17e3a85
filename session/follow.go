package session

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Follow ends here what is revoked elsewhere, until ctx is done. tell is called when
// the feed is cut (and why, if that is known) or back, first when it is known at all.
func (m *Manager) Follow(ctx context.Context, tell func(up bool, why error)) {
	known, up := false, false
	for n := range m.Store.Revoked(ctx) {
		if m.copies.feed(n.Up) {
			m.looking.begin(func() { m.lookAgain(ctx) })
		}
		for _, key := range n.Keys {
			if isSessionKey(key) {
				m.bury(key)
			}
		}
		if (!known || up != n.Up) && ctx.Err() == nil {
			tell(n.Up, n.Err)
			m.probing.begin(func() { m.probe(ctx) })
		}
		known, up = true, n.Up
	}
}

// probeStep is how often the store is asked whether it answers, while the feed is
// down.
const probeStep = time.Second

// probe finds out whether more than the feed is in trouble, before the copies have
// to be read again: with that known nobody waits for a store that hangs.
func (m *Manager) probe(ctx context.Context) {
	for m.copies.deaf() && ctx.Err() == nil {
		began := m.copies.begin()
		_, err := m.Store.Get(ctx, "probe")
		m.copies.answered(err, began)
		pause(ctx, probeStep)
	}
}

// Doubt has every session read again, those with open connections beginning now: for
// when a secret was retired, and what only that opens has ended. It does not wait.
func (m *Manager) Doubt(ctx context.Context) {
	m.copies.doubt()
	m.looking.begin(func() { m.lookAgain(ctx) })
}

// lookAgain asks the store for every session that has open connections, after the
// feed may have missed the end of one, and goes on until it has answered for each.
func (m *Manager) lookAgain(ctx context.Context) {
	for _, s := range m.Live.Sessions() {
		for !m.lookedAt(ctx, s) && ctx.Err() == nil {
			pause(ctx, probeStep)
		}
	}
}

// lookedAt reports whether the store itself has answered: a copy that stands in for
// it says nothing.
func (m *Manager) lookedAt(ctx context.Context, s Session) bool {
	key := s.token.key(m.Audience)
	began := m.copies.begin()
	_, err := m.load(ctx, s.token, key)
	m.copies.answered(err, began)
	if errors.Is(err, ErrNone) {
		m.forget(key)
	}
	return err == nil || errors.Is(err, ErrNone)
}

// single runs one thing at a time, and once more when it was asked to meanwhile.
type single struct {
	mu             sync.Mutex
	running, again bool
}

func (s *single) begin(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again = s.running; s.running {
		return
	}
	s.running = true
	go s.run(do)
}

func (s *single) run(do func()) {
	for more := true; more; {
		do()
		s.mu.Lock()
		more = s.again
		s.again, s.running = false, more
		s.mu.Unlock()
	}
}
