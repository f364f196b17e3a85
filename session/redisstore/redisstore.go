// Package redisstore keeps sessions in Redis, or in what speaks its protocol, shared by
// all replicas of sidegate: in one server, in one that sentinels watch, or in a cluster.
//
// Every change is one atomic command (SET with PX, and NX or XX) or script, and every
// key has a lifetime. The settings are for trouble: a call takes at most callTimeout,
// however the server fails, and one that fails again and again is not asked for a while
// (see breaker). A call whose connection is cut is made once more if it comes to the
// same when it is carried out twice, as PutIfAbsent does not.
//
// All keys, and the channel that tells of revocations, begin with "sidegate:". The
// server's user needs no more than
//
//	ACL SETUSER sidegate on >PASSWORD resetchannels ~sidegate:* &sidegate:* -@all
//	  +get +set +del +scan +eval +zadd +zrem +zrangebyscore +zremrangebyscore
//	  +pttl +pexpire +publish +subscribe +ping +hello +auth +select
//	  +cluster|slots +asking
//
// of which the last two are for a cluster. Redis 6.2 has all that is used.
package redisstore

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"sidegate/session"
)

const (
	// keyPrefix keeps our keys apart from those of other programs on the server.
	keyPrefix = "sidegate:"

	// callTimeout bounds one call in all: waiting for a connection, making one,
	// the command, and making it again.
	callTimeout = 250 * time.Millisecond
)

var errLifetime = errors.New("redis: a record's lifetime must be positive")

// Store is a session.Store in Redis.
type Store struct {
	address     address
	credentials atomic.Pointer[credentials]
	timeout     time.Duration // of one call

	client    redis.UniversalClient
	servers   servers
	sentinels *sentinels // nil without

	secretsMu sync.RWMutex
	secrets   []string // which no error may show
}

var _ session.Store = (*Store)(nil)

// Open returns the store at a URL, one of
//
//	redis://:PASSWORD@HOST:6379/NUMBER
//	redis+sentinel://:PASSWORD@HOST:26379,HOST:26379/NAME/NUMBER
//	redis+cluster://:PASSWORD@HOST:6379,HOST:6379
//
// with rediss for redis where there is TLS, with USER:PASSWORD where there is a user.
// The sentinels get that password, if they ask for one, or that of the query
// ?sentinel_user=USER&sentinel_password=PASSWORD. Open does not wait for the server,
// which may be down now and at any time later.
func Open(url string) (*Store, error) { return open(url, callTimeout) }

func open(url string, timeout time.Duration) (*Store, error) {
	a, c, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	s := &Store{address: a, timeout: timeout}
	s.credentials.Store(&c)
	s.keepSecrets(c)
	s.connect()
	return s, nil
}

// Get implements session.Store.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	cmd, err := s.do(ctx, true, "GET", keyPrefix+key)
	if err != nil {
		return nil, err
	}
	value, err := cmd.Text()
	return []byte(value), s.answer(err)
}

// Put implements session.Store.
func (s *Store) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return s.set(ctx, true, key, value, ttl)
}

// Replace implements session.Store.
func (s *Store) Replace(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return s.set(ctx, true, key, value, ttl, "XX")
}

// Extend implements session.Store.
func (s *Store) Extend(ctx context.Context, key string, ttl time.Duration) error {
	if ttl <= 0 {
		return errLifetime // PEXPIRE would delete the record
	}
	cmd, err := s.do(ctx, true, "PEXPIRE", keyPrefix+key, max(1, ttl.Milliseconds()))
	if err != nil {
		return err
	}
	switch set, err := cmd.Int(); {
	case err != nil:
		return s.answer(err)
	case set == 0:
		return session.ErrNone
	}
	return nil
}

// PutIfAbsent implements session.Store. Like Put it answers ErrFull when there is
// no room. It is not sent again after a cut: it would lose against itself.
func (s *Store) PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	err := s.set(ctx, false, key, value, ttl, "NX")
	if errors.Is(err, session.ErrNone) { // SET NX says nil when there is a record
		return false, nil
	}
	return err == nil, err
}

// Close implements session.Store.
func (s *Store) Close() error {
	if s.sentinels != nil {
		s.sentinels.close()
	}
	return s.answer(s.client.Close())
}

// set sends SET key value PX ttl, and a condition. Without a positive lifetime
// Redis would keep the record for ever, or refuse the command.
func (s *Store) set(ctx context.Context, again bool, key string, value []byte, ttl time.Duration, condition ...any) error {
	if ttl <= 0 {
		return errLifetime
	}
	ms := max(1, ttl.Milliseconds())
	_, err := s.do(ctx, again, append([]any{"SET", keyPrefix + key, value, "PX", ms}, condition...)...)
	return err
}

// keepSecrets remembers what no error may show. Former passwords stay: an error that
// quotes one may be on its way.
func (s *Store) keepSecrets(c credentials) {
	s.secretsMu.Lock()
	defer s.secretsMu.Unlock()
	for _, secret := range []string{c.password, c.sentinelPassword} {
		if secret != "" {
			s.secrets = append(s.secrets, secret)
		}
	}
}

func (s *Store) quotesSecret(text string) bool {
	s.secretsMu.RLock()
	defer s.secretsMu.RUnlock()
	for _, secret := range s.secrets {
		if strings.Contains(text, secret) {
			return true
		}
	}
	return false
}
