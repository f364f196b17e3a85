package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sidegate/identity"
)

// Sessions returns the sessions of a person, the one used last first.
func (m *Manager) Sessions(ctx context.Context, who identity.Identity) ([]Info, error) {
	found, err := m.members(ctx, m.sealer.subjectGroups(who.Issuer, who.Subject))
	slices.SortFunc(found, func(a, b Info) int { return b.Seen.Compare(a.Seen) })
	return found, err
}

// members reads the sessions in groups. A member without a session is taken out: it
// expired, or was ended by somebody who could not know its groups.
func (m *Manager) members(ctx context.Context, groups []string) ([]Info, error) {
	var found []Info
	for _, group := range groups {
		keys, err := m.Store.Members(ctx, group)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			info, err := m.info(ctx, key)
			switch {
			case errors.Is(err, ErrNone):
				m.unfile(ctx, key, []string{group})
			case err != nil:
				return nil, err
			case !slices.ContainsFunc(found, func(i Info) bool { return i.key == key }):
				found = append(found, info)
			}
		}
	}
	return found, nil
}

func (m *Manager) info(ctx context.Context, key string) (Info, error) {
	value, err := m.Store.Get(ctx, key)
	if err != nil {
		return Info{}, err
	}
	return m.shown(key, value)
}

// shown reads the card of a record, ErrNone if the session is over.
func (m *Manager) shown(key string, value []byte) (Info, error) {
	info, err := m.sealer.openCard(key, value)
	if err == nil && !m.Now().Before(info.Expires) {
		err = ErrNone
	}
	return info, err
}

// Each calls visit for every session there is. It takes time in proportion to what
// the store holds, and is for the operator.
func (m *Manager) Each(ctx context.Context, visit func(Info) error) error {
	return m.Store.Each(ctx, "s:", func(key string, value []byte) error {
		info, err := m.shown(key, value)
		if errors.Is(err, ErrNone) { // another app's, perhaps
			return nil
		}
		if err != nil {
			return err
		}
		return visit(info)
	})
}

// EndOne ends one session of a person, and reports whether there was one of this
// id.
func (m *Manager) EndOne(ctx context.Context, who identity.Identity, id string) (bool, error) {
	found, err := m.members(ctx, m.sealer.subjectGroups(who.Issuer, who.Subject))
	if err != nil {
		return false, err
	}
	n, err := m.end(ctx, slices.DeleteFunc(found, func(i Info) bool { return i.ID != id }))
	return n > 0, err
}

// EndSubject ends all sessions of an account, and returns how many it were.
func (m *Manager) EndSubject(ctx context.Context, issuer, subject string) (int, error) {
	return m.endGroups(ctx, m.sealer.subjectGroups(issuer, subject))
}

// EndProviderSession ends the sessions that began in one session at the provider
// (the sid of OpenID Connect Back-Channel Logout), and returns how many it were.
func (m *Manager) EndProviderSession(ctx context.Context, issuer, sid string) (int, error) {
	return m.endGroups(ctx, m.sealer.sidGroups(issuer, sid))
}

// endGroups ends every member, portion by portion: whoever has thousands of sessions,
// and runs out of time, has fewer at the next try. What cannot be opened here ends too.
func (m *Manager) endGroups(ctx context.Context, groups []string) (n int, _ error) {
	for _, group := range groups {
		keys, err := m.Store.Members(ctx, group)
		if err != nil {
			return n, err
		}
		for portion := range slices.Chunk(keys, revokeBatch) {
			alive, err := m.alive(ctx, portion)
			if err != nil {
				return n, err
			}
			if err := m.revoke(ctx, portion...); err != nil {
				return n, err
			}
			n += alive
			_ = m.Store.Leave(ctx, group, portion...) // who reads the group looks what is there
		}
	}
	return n, nil
}

// alive counts the sessions that there are.
func (m *Manager) alive(ctx context.Context, keys []string) (n int, _ error) {
	for _, key := range keys {
		switch _, err := m.info(ctx, key); {
		case err == nil:
			n++
		case !errors.Is(err, ErrNone):
			return n, err
		}
	}
	return n, nil
}

// EndWhere ends the sessions that match, whosoever, and returns how many it were.
func (m *Manager) EndWhere(ctx context.Context, match func(Info) bool) (int, error) {
	var found []Info
	err := m.Each(ctx, func(i Info) error {
		if match(i) {
			found = append(found, i)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return m.end(ctx, found)
}

// revokeBatch is how many sessions one call of the store ends.
const revokeBatch = 100

// end revokes sessions, and then takes them out of their groups.
func (m *Manager) end(ctx context.Context, found []Info) (int, error) {
	n := 0
	for batch := range slices.Chunk(found, revokeBatch) {
		var keys []string
		for _, i := range batch {
			keys = append(keys, i.key)
		}
		if err := m.revoke(ctx, keys...); err != nil {
			return n, err
		}
		n += len(batch)
	}
	for _, i := range found {
		m.unfile(ctx, i.key, m.sealer.subjectGroups(i.Identity.Issuer, i.Identity.Subject))
	}
	return n, nil
}

// revoke ends sessions in the store, which tells the others, and then here, for
// which the feed is not waited.
func (m *Manager) revoke(ctx context.Context, keys ...string) error {
	if err := m.Store.Revoke(ctx, keys...); err != nil {
		return err
	}
	for _, key := range keys {
		m.bury(key)
	}
	return nil
}

// bury drops what this process has of a session that was revoked, for good.
func (m *Manager) bury(key string) {
	m.copies.bury(key)
	m.forget(key)
}

// forget drops all that this process has of a session that is over.
func (m *Manager) forget(key string) {
	m.copies.revoked(key)
	m.Live.CloseSession(idOf(key))
}

// unfile takes key out of groups. That it can fail does no harm: who reads a group
// looks what is still there.
func (m *Manager) unfile(ctx context.Context, key string, groups ...[]string) {
	for _, group := range slices.Concat(groups...) {
		_ = m.Store.Leave(ctx, group, key)
	}
}

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
