package redisstore

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// eachBatch is how many keys are asked for and read at once.
const eachBatch = 500

var errNoNodes = errors.New("the cluster has no nodes")

// Each implements session.Store.
func (s *Store) Each(ctx context.Context, prefix string, visit func(key string, value []byte) error) error {
	nodes, err := s.nodes(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		for cursor, more := uint64(0), true; more; more = cursor != 0 {
			var names []string
			err := s.readAt(ctx, node, func(ctx context.Context, node *redis.Client) (err error) {
				names, cursor, err = node.ScanType(ctx, cursor, escapeGlob(keyPrefix+prefix)+"*", eachBatch, "string").Result()
				return err
			})
			if err != nil {
				return err
			}
			if err := s.visit(ctx, node, names, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// visit reads records of one server together and visits those that are there.
func (s *Store) visit(ctx context.Context, node *redis.Client, names []string, visit func(key string, value []byte) error) error {
	var values []*redis.StringCmd
	err := s.readAt(ctx, node, func(ctx context.Context, node *redis.Client) error {
		values = nil
		_, err := node.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, name := range names {
				values = append(values, p.Get(ctx, name))
			}
			return nil
		})
		return ignoreNone(err)
	})
	if err != nil {
		return err
	}
	for i, cmd := range values {
		value, err := cmd.Bytes()
		switch {
		case errors.Is(err, redis.Nil): // gone meanwhile
		case err != nil:
			return s.answer(err)
		default:
			if err := visit(strings.TrimPrefix(names[i], keyPrefix), value); err != nil {
				return err
			}
		}
	}
	return nil
}

// readAt makes a call to one server that changes nothing.
func (s *Store) readAt(ctx context.Context, node *redis.Client, send func(context.Context, *redis.Client) error) error {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.callAt(ctx, bounded, node, true, send)
}

// ignoreNone: a pipeline fails with its first error, which here may be absence.
func ignoreNone(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`).Replace(s)
}

// nodes returns the servers that together have all keys.
func (s *Store) nodes(ctx context.Context) (nodes []*redis.Client, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	switch client := s.client.(type) {
	case *redis.Client:
		nodes = []*redis.Client{client}
	case *redis.ClusterClient:
		var mu sync.Mutex
		err = client.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
			mu.Lock()
			defer mu.Unlock()
			nodes = append(nodes, node)
			return nil
		})
	}
	if err == nil && len(nodes) == 0 {
		err = errNoNodes
	}
	return nodes, s.answer(err)
}
