package redisstore

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"sidegate/session"
)

const (
	// channel carries revoked keys, one a message.
	channel = keyPrefix + "revoked"
	// eachBatch is how many keys are asked for and read at once.
	eachBatch = 500
	// pingEvery is how often a silent feed is asked whether it is there.
	pingEvery = 900 * time.Millisecond
)

// Revoke implements session.Store.
func (s *Store) Revoke(ctx context.Context, keys ...string) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	p := s.client.Pipeline()
	for _, key := range keys {
		p.Del(ctx, keyPrefix+key)
	}
	for _, key := range keys {
		p.Publish(ctx, channel, key)
	}
	_, err := p.Exec(ctx)
	return s.answer(err)
}

// Each implements session.Store.
func (s *Store) Each(ctx context.Context, prefix string, visit func(key string, value []byte) error) error {
	var cursor uint64
	for {
		keys, next, err := s.client.Scan(ctx, cursor, escapeGlob(keyPrefix+prefix)+"*", eachBatch).Result()
		if err != nil {
			return s.answer(err)
		}
		for _, name := range keys {
			key := strings.TrimPrefix(name, keyPrefix)
			value, err := s.Get(ctx, key)
			if errors.Is(err, session.ErrNone) {
				continue
			}
			if err != nil {
				return err
			}
			if err := visit(key, value); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`).Replace(s)
}

// Revoked implements session.Store.
func (s *Store) Revoked(ctx context.Context) <-chan session.Notice {
	notices := make(chan session.Notice)
	go func() {
		defer close(notices)
		for ctx.Err() == nil {
			s.listen(ctx, func(n session.Notice) {
				select {
				case notices <- n:
				case <-ctx.Done():
				}
			})
			select {
			case <-ctx.Done():
			case <-time.After(pingEvery / 4):
			}
		}
	}()
	return notices
}

// listen tells what is published until the connection fails, and then that it did.
// A connection that says nothing is asked whether it is there: one that was cut
// without a word would stay silent for ever.
func (s *Store) listen(ctx context.Context, tell func(session.Notice)) {
	defer tell(session.Notice{})
	subscription := s.client.Subscribe(ctx, channel)
	defer subscription.Close()
	defer context.AfterFunc(ctx, func() { subscription.Close() })() // a read that waits knows no context
	for asked := false; ; {
		message, err := subscription.ReceiveTimeout(ctx, pingEvery)
		switch m := message.(type) {
		case *redis.Subscription:
			tell(session.Notice{Up: true})
		case *redis.Message:
			tell(session.Notice{Up: true, Keys: []string{m.Payload}})
		}
		switch timeout, ok := errors.AsType[net.Error](err); {
		case err == nil:
			asked = false
		case ok && timeout.Timeout() && !asked && subscription.Ping(ctx) == nil:
			asked = true
		default:
			return
		}
	}
}
