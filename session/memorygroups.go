package session

import (
	"context"
	"errors"
	"time"
)

// membershipKey has a byte that no key has, so that it is nobody's record.
func membershipKey(group, key string) string { return group + "\x00" + key }

// Join implements Store.
func (m *Memory) Join(ctx context.Context, group, key string, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := membershipKey(group, key)
	r, err := m.find(ctx, name)
	switch {
	case err == nil && r.expires.After(time.Now().Add(ttl)):
		return nil // never shorter
	case err != nil && !errors.Is(err, ErrNone):
		return err
	}
	if err := m.set(name, nil, ttl); err != nil {
		return err
	}
	r = m.records[name]
	r.group, r.member = group, key
	if m.groups[group] == nil {
		m.groups[group] = make(map[string]*memoryRecord)
	}
	m.groups[group][key] = r
	return nil
}

// Members implements Store.
func (m *Memory) Members(ctx context.Context, group string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx); err != nil {
		return nil, err
	}
	now := time.Now()
	var keys []string
	for key, r := range m.groups[group] {
		if !r.expired(now) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// Leave implements Store.
func (m *Memory) Leave(ctx context.Context, group string, keys ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx); err != nil {
		return err
	}
	for _, key := range keys {
		if r := m.groups[group][key]; r != nil {
			m.drop(r)
		}
	}
	return nil
}

// Revoke implements Store.
func (m *Memory) Revoke(ctx context.Context, keys ...string) error {
	if err := m.deleteAll(ctx, keys); err != nil {
		return err
	}
	m.Tell(keys)
	return nil
}

func (m *Memory) deleteAll(ctx context.Context, keys []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx); err != nil {
		return err
	}
	for _, key := range keys {
		if r := m.records[key]; r != nil {
			m.drop(r)
		}
	}
	return nil
}
