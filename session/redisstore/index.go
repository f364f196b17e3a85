package redisstore

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// A group is a sorted set: its members, each with the time (Unix milliseconds) until
// which it is one. The set itself lives as long as its last member.
func groupKey(group string) string { return keyPrefix + "group:" + group }

// Join implements session.Store.
func (s *Store) Join(ctx context.Context, group, key string, ttl time.Duration) error {
	if ttl <= 0 {
		return errLifetime
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	now := time.Now()
	until := now.Add(ttl)
	// In one transaction: a set without lifetime must not be left behind.
	_, err := s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAddArgs(ctx, groupKey(group), redis.ZAddArgs{GT: true, Members: []redis.Z{{Score: float64(until.UnixMilli()), Member: key}}})
		p.ZRemRangeByScore(ctx, groupKey(group), "-inf", strconv.FormatInt(now.UnixMilli(), 10))
		p.ExpireNX(ctx, groupKey(group), ttl)
		p.ExpireGT(ctx, groupKey(group), ttl)
		return nil
	})
	return s.answer(err)
}

// Members implements session.Store.
func (s *Store) Members(ctx context.Context, group string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	keys, err := s.client.ZRangeByScore(ctx, groupKey(group), &redis.ZRangeBy{Min: "(" + now, Max: "+inf"}).Result()
	return keys, s.answer(err)
}

// Leave implements session.Store.
func (s *Store) Leave(ctx context.Context, group string, keys ...string) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	members := make([]any, len(keys))
	for i, key := range keys {
		members[i] = key
	}
	return s.answer(s.client.ZRem(ctx, groupKey(group), members...).Err())
}
