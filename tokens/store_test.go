package tokens_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sidegate/session"
)

// store is a session.Store that fails when told to, and whose leases last until they
// are told to run out.
type store struct {
	session.Store

	turns atomic.Int64 // how often one was asked for

	mu   sync.Mutex
	fail func(method, key string) error
}

var errDown = errors.New("the store is down")

func (s *store) failing(f func(method, key string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

func (s *store) trouble(method, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		return nil
	}
	return s.fail(method, key)
}

func (s *store) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.trouble("Get", key); err != nil {
		return nil, err
	}
	return s.Store.Get(ctx, key)
}

func (s *store) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := s.trouble("Put", key); err != nil {
		return err
	}
	return s.Store.Put(ctx, key, value, ttl)
}

func (s *store) PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	if strings.HasPrefix(key, "l:") {
		s.turns.Add(1)
	}
	return s.Store.PutIfAbsent(ctx, key, value, ttl)
}

func (s *store) Replace(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := s.trouble("Replace", key); err != nil {
		return err
	}
	return s.Store.Replace(ctx, key, value, ttl)
}

func (s *store) Revoke(ctx context.Context, keys ...string) error {
	if err := s.trouble("Revoke", strings.Join(keys, " ")); err != nil {
		return err
	}
	return s.Store.Revoke(ctx, keys...)
}

// dump returns everything that is in the store, keys and values.
func (s *store) dump(ctx context.Context) (keys []string, all string, err error) {
	var b strings.Builder
	err = s.Store.Each(ctx, "", func(key string, value []byte) error {
		keys = append(keys, key)
		b.WriteString(key + "\n" + string(value) + "\n")
		return nil
	})
	return keys, b.String(), err
}
