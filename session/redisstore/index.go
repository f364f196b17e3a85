package redisstore

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// A group is a sorted set: its members, each with the time (Unix milliseconds) until
// which it is one. The set itself lives as long as its last member. No record has a
// name like it, since keys are printable.
const groupPrefix = keyPrefix + "\x00group:"

// joinScript makes a member, forgets those whose time has passed, and lengthens the
// set's life. In one step: a set without lifetime must not be left behind. (EXPIRE GT
// would do, from Redis 7 on.)
const joinScript = `
redis.call('ZADD', KEYS[1], 'GT', ARGV[3], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then
	redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return 'OK'`

// leaveBatch is how many keys leave a group in one command.
const leaveBatch = 1000

// Join implements session.Store.
func (s *Store) Join(ctx context.Context, group, key string, ttl time.Duration) error {
	if ttl <= 0 {
		return errLifetime
	}
	now, ms := time.Now().UnixMilli(), max(1, ttl.Milliseconds())
	name := groupPrefix + group
	return s.call(ctx, name, true, func(ctx context.Context, _ *redis.Client) error {
		return s.client.Eval(ctx, joinScript, []string{name}, key, now, now+ms, ms).Err()
	})
}

// Members implements session.Store.
func (s *Store) Members(ctx context.Context, group string) ([]string, error) {
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	cmd, err := s.do(ctx, true, "ZRANGEBYSCORE", groupPrefix+group, "("+now, "+inf")
	if err != nil {
		return nil, err
	}
	keys, err := cmd.StringSlice()
	return keys, s.answer(err)
}

// Leave implements session.Store.
func (s *Store) Leave(ctx context.Context, group string, keys ...string) error {
	for batch := range slices.Chunk(keys, leaveBatch) {
		args := []any{"ZREM", groupPrefix + group}
		for _, key := range batch {
			args = append(args, key)
		}
		if _, err := s.do(ctx, true, args...); err != nil {
			return err
		}
	}
	return nil
}
