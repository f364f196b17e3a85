package redisstore

import (
	"errors"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
)

// The messages say nothing of the URL itself: where a password is not escaped, any
// part of it may be a piece of the password.
var (
	errScheme   = errors.New("redis: the URL must begin with redis:// or rediss:// (TLS)")
	errForm     = errors.New("redis: the URL must be redis://:PASSWORD@HOST:PORT/NUMBER, the password percent-encoded (/ is %2F, # is %23, ? is %3F, % is %25)")
	errOptions  = errors.New("redis: the URL must not have a query or a fragment; in a password write %3F for ?, and %23 for #")
	errUserOnly = errors.New("redis: the URL has a user but no password; write redis://:PASSWORD@HOST, or redis://USER:PASSWORD@HOST")
)

// parseURL reads a redis:// or rediss:// URL. go-redis would take options from its
// query, among them skip_verify, which gives sessions to whoever is in between.
func parseURL(raw string) (*redis.Options, error) {
	if scheme, _, _ := strings.Cut(raw, "://"); scheme != "redis" && scheme != "rediss" {
		return nil, errScheme
	}
	if strings.ContainsAny(raw, "?#") {
		return nil, errOptions
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errForm // err quotes the URL
	}
	if _, ok := u.User.Password(); u.User != nil && !ok {
		return nil, errUserOnly
	}
	opt, err := redis.ParseURL(raw)
	if err != nil || u.Hostname() == "" || opt.DB < 0 {
		return nil, errForm
	}
	return opt, nil
}
