package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"sidegate/session"
)

// A membership is a record without value, whose key begins with a byte that no
// record's key has: it expires, counts and is swept like any other.
const membershipMark = 0

func membershipKey(group, key string) []byte {
	return append(membershipPrefix(group), key...)
}

func membershipPrefix(group string) []byte {
	return append(append([]byte{membershipMark}, group...), membershipMark)
}

// Join implements session.Store.
func (s *Store) Join(ctx context.Context, group, key string, ttl time.Duration) error {
	name := membershipKey(group, key)
	return s.do(ctx, func(t *table) error {
		if t.lives(name, ttl) {
			return nil
		}
		return t.put(name, nil, ttl, s.max)
	})
}

// Leave implements session.Store.
func (s *Store) Leave(ctx context.Context, group string, keys ...string) error {
	return s.do(ctx, func(t *table) error {
		var err error
		for _, key := range keys {
			err = errors.Join(err, t.delete(membershipKey(group, key)))
		}
		return err
	})
}

// Members implements session.Store.
func (s *Store) Members(ctx context.Context, group string) ([]string, error) {
	var keys []string
	prefix := membershipPrefix(group)
	err := s.scan(ctx, prefix, nil, func(key, _ []byte) bool {
		keys = append(keys, string(key[len(prefix):]))
		return true
	})
	return keys, err
}

// eachBatch is how many records Each reads in one transaction: a long one would
// keep the file from reusing its pages.
const eachBatch = 1000

// Each implements session.Store.
func (s *Store) Each(ctx context.Context, prefix string, visit func(key string, value []byte) error) error {
	type found struct {
		key   string
		value []byte
	}
	for after := []byte(nil); ; {
		var batch []found
		err := s.scan(ctx, []byte(prefix), after, func(key, value []byte) bool {
			batch = append(batch, found{string(key), bytes.Clone(value)})
			return len(batch) < eachBatch
		})
		if err != nil {
			return err
		}
		for _, f := range batch {
			if err := visit(f.key, f.value); err != nil {
				return err
			}
		}
		if len(batch) < eachBatch {
			return nil
		}
		after = []byte(batch[len(batch)-1].key)
	}
}

// scan visits the live records whose keys begin with prefix, those behind after
// alone unless it is nil. An empty prefix leaves memberships out.
func (s *Store) scan(ctx context.Context, prefix, after []byte, visit func(key, value []byte) bool) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	first := prefix
	if len(first) == 0 {
		first = []byte{membershipMark + 1}
	}
	err := s.db.View(func(tx *bbolt.Tx) error {
		t := newTable(tx)
		c := t.records.Cursor()
		if after != nil {
			first = append(bytes.Clone(after), 0)
		}
		for key, stored := c.Seek(first); key != nil && bytes.HasPrefix(key, prefix); key, stored = c.Next() {
			if len(stored) >= expirySize && !t.expired(stored) && !visit(key, stored[expirySize:]) {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	return nil
}

// Revoke implements session.Store.
func (s *Store) Revoke(ctx context.Context, keys ...string) error {
	err := s.do(ctx, func(t *table) error {
		var err error
		for _, key := range keys {
			err = errors.Join(err, t.delete([]byte(key)))
		}
		return err
	})
	if err == nil {
		s.Tell(keys)
	}
	return err
}

var _ session.Store = (*Store)(nil)
