// Package redisstore keeps sessions in a Redis server, or one that speaks its
// protocol, shared by all replicas of sidegate.
//
// Every change is one atomic command (SET with PX, and NX or XX), and every key
// has a lifetime. The settings are for trouble: a request waits at most callTimeout
// for the server, however it fails, and nothing is sent twice, since an answer that
// was lost does not tell whether the command was carried out.
package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"sidegate/session"
)

const (
	// keyPrefix keeps our keys apart from those of other programs on the server.
	keyPrefix = "sidegate:"

	// callTimeout bounds one call in all: waiting for a connection, making one,
	// and the command.
	callTimeout = 250 * time.Millisecond
)

var errLifetime = errors.New("redis: a record's lifetime must be positive")

// Store is a session.Store in Redis.
type Store struct {
	client  *redis.Client
	timeout time.Duration // of one call
	secret  string        // the password, which no error may show
}

var _ session.Store = (*Store)(nil)

// Open returns the store at a redis:// or rediss:// (TLS) URL, such as
// rediss://:PASSWORD@host:6379/0. It does not connect: the server may be down now,
// and at any time later.
func Open(url string) (*Store, error) { return open(url, callTimeout) }

func open(url string, timeout time.Duration) (*Store, error) {
	opt, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	opt.Protocol = 2                 // version 3 adds pushed messages, and we want none
	opt.ContextTimeoutEnabled = true // else a call outlives its context
	opt.PoolTimeout = timeout
	opt.DialTimeout = timeout * 4 / 5 // each step ends before the call does, with an error that names it
	opt.ReadTimeout = timeout * 4 / 5
	opt.WriteTimeout = timeout * 4 / 5
	opt.DialerRetries = 1
	opt.MaxRetries = -1       // none; go-redis takes 0 for its default of 3
	opt.PipelinePoolSize = -1 // we pipeline nothing
	quiet(opt)
	return &Store{client: redis.NewClient(opt), timeout: timeout, secret: opt.Password}, nil
}

// Get implements session.Store.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	value, err := s.client.Get(ctx, keyPrefix+key).Result()
	if err != nil {
		return nil, s.answer(err)
	}
	return []byte(value), nil
}

// Put implements session.Store.
func (s *Store) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return s.set(ctx, key, value, ttl)
}

// Replace implements session.Store.
func (s *Store) Replace(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return s.set(ctx, key, value, ttl, "XX")
}

// PutIfAbsent implements session.Store. Like Put it answers ErrFull when there is
// no room.
func (s *Store) PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	err := s.set(ctx, key, value, ttl, "NX")
	if errors.Is(err, session.ErrNone) { // SET NX says nil when there is a record
		return false, nil
	}
	return err == nil, err
}

// Close implements session.Store.
func (s *Store) Close() error { return s.answer(s.client.Close()) }

// set sends SET key value PX ttl, and a condition. Without a positive lifetime
// Redis would keep the record for ever, or refuse the command.
func (s *Store) set(ctx context.Context, key string, value []byte, ttl time.Duration, condition ...any) error {
	if ttl <= 0 {
		return errLifetime
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	ms := max(1, ttl.Milliseconds())
	args := append([]any{"SET", keyPrefix + key, value, "PX", ms}, condition...)
	return s.answer(s.client.Do(ctx, args...).Err())
}

// answer turns what go-redis says into what the contract says.
func (s *Store) answer(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.Nil):
		return session.ErrNone
	case redis.IsOOMError(err): // maxmemory is reached, and the server may not evict
		return session.ErrFull
	case s.secret != "" && strings.Contains(err.Error(), s.secret):
		// An old server or a proxy that does not know our greeting, HELLO … AUTH,
		// quotes it in its refusal.
		return errors.New("redis: the server's error is withheld, since it quotes the password")
	}
	return fmt.Errorf("redis: %w", err)
}

// quiet has go-redis neither talk to the server about itself, nor print: every
// error reaches our caller, and go-redis has one logger for the whole process.
func quiet(opt *redis.Options) {
	opt.DisableIdentity = true
	opt.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	logging.Disable()
}
