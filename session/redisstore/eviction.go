package redisstore

import (
	"context"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Eviction returns what the server does when it is full, such as "noeviction" or
// "allkeys-lru", and at how many bytes it is; 0: it has no bound of its own. A user with
// no more rights than sidegate needs may not ask (+info). Of a cluster one node speaks
// for all.
func (s *Store) Eviction(ctx context.Context) (policy string, limit int64, err error) {
	nodes, err := s.nodes(ctx)
	if err != nil {
		return "", 0, err
	}
	var text string
	err = s.readAt(ctx, nodes[0], func(ctx context.Context, node *redis.Client) (err error) {
		text, err = node.Info(ctx, "memory").Result()
		return err
	})
	if err != nil {
		return "", 0, err
	}
	for line := range strings.Lines(text) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), ":"); name {
		case "maxmemory_policy":
			policy = value
		case "maxmemory":
			limit, err = strconv.ParseInt(value, 10, 64)
		}
	}
	return policy, limit, err
}
