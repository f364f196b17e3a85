package redisstore

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

const (
	// channel tells of revoked keys, several to a message. It is one for all
	// databases of a server; others' keys are no one's here.
	channel = keyPrefix + "revoked"
	// separator is between the keys of a message, which are printable.
	separator = "\n"
	// revokeBatch is how many keys are deleted, and told, at once.
	revokeBatch = 500
)

// Revoke implements session.Store. What has been deleted is told even if some of the
// rest could not be.
func (s *Store) Revoke(ctx context.Context, keys ...string) error {
	byServer, err := s.byServer(ctx, keys)
	for _, keys := range byServer {
		for batch := range slices.Chunk(keys, revokeBatch) {
			failed := s.delete(ctx, batch)
			if failed == nil {
				failed = s.publish(ctx, batch)
			}
			if err = errors.Join(err, failed); ctx.Err() != nil {
				return err
			}
		}
	}
	return err
}

// byServer sorts keys by the server that has them, so that one in trouble is in
// nobody's way.
func (s *Store) byServer(ctx context.Context, keys []string) (map[string][]string, error) {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	sorted := make(map[string][]string)
	for _, key := range keys {
		node, err := s.node(ctx, bounded, keyPrefix+key)
		if err != nil {
			return nil, s.answer(err)
		}
		addr := node.Options().Addr
		sorted[addr] = append(sorted[addr], key)
	}
	return sorted, nil
}

// delete deletes keys that one server has. A cluster takes keys in one command only
// if they are in one slot, so each has its own.
func (s *Store) delete(ctx context.Context, keys []string) error {
	return s.call(ctx, keyPrefix+keys[0], true, func(ctx context.Context, _ *redis.Client) error {
		_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, key := range keys {
				p.Del(ctx, keyPrefix+key)
			}
			return nil
		})
		return err
	})
}

// publish tells through the server that had the keys: a cluster hands on to all nodes
// what is told to one.
func (s *Store) publish(ctx context.Context, keys []string) error {
	return s.call(ctx, keyPrefix+keys[0], true, func(ctx context.Context, node *redis.Client) error {
		return node.Publish(ctx, channel, strings.Join(keys, separator)).Err()
	})
}
