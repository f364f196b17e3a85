package session

import (
	"context"
	"errors"
	"slices"

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
// which the feed is not waited. Their tokens go with them.
func (m *Manager) revoke(ctx context.Context, keys ...string) error {
	all := slices.Clone(keys)
	for _, key := range keys {
		if isSessionKey(key) { // a group's member is what somebody wrote there
			all = append(all, tokensKey(key))
		}
	}
	if err := m.Store.Revoke(ctx, all...); err != nil {
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
