package redisstore

import (
	"context"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// poolSize bounds the connections to one server. A call takes one for a
	// millisecond or so; more would not help a server that is slow.
	poolSize = 32
	// spareConns is how many connections stay open between bursts.
	spareConns = 8
	// spareTime is how long: less than the half minute after which proxies and
	// servers that close idle connections begin to.
	spareTime = 25 * time.Second
	// bufferSize is enough for most records at once.
	bufferSize = 8 << 10
	// redirects is how often a cluster's node may send a call on to another node, and
	// with it whether a call is taken up again after a refusal.
	redirects = 3

	// thePrimary stands for the address of whichever server is the primary.
	thePrimary = "primary:0"
)

// options are for trouble: each step ends before the call does, with an error that
// names it, and go-redis does nothing twice by itself.
func (s *Store) options(addr string, dial *dialer) *redis.Options {
	step := s.timeout * 4 / 5
	return &redis.Options{
		Addr: addr, DB: s.address.db, Dialer: dial.dial,
		CredentialsProviderContext: s.serverCredentials,

		Protocol:              2,    // version 3 adds pushed messages, and we want none
		ContextTimeoutEnabled: true, // else a call outlives its context
		DialTimeout:           step, ReadTimeout: step, WriteTimeout: step, PoolTimeout: s.timeout,
		DialerRetries: 1, MaxRetries: -1, // none; go-redis takes 0 for its default of 3

		PoolSize: poolSize, MaxIdleConns: spareConns, ConnMaxIdleTime: spareTime,
		PipelinePoolSize: -1, // no connections just for pipelines
		ReadBufferSize:   bufferSize, WriteBufferSize: bufferSize,

		// It shall not talk to the server about itself.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

func (s *Store) clusterOptions(dial *dialer) *redis.ClusterOptions {
	o := s.options("", dial)
	return &redis.ClusterOptions{
		Addrs: strings.Split(s.address.hosts, ","), Dialer: o.Dialer,
		CredentialsProviderContext: o.CredentialsProviderContext,

		Protocol: o.Protocol, ContextTimeoutEnabled: o.ContextTimeoutEnabled,
		DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, PoolTimeout: o.PoolTimeout,
		DialerRetries: o.DialerRetries, MaxRetries: o.MaxRetries,
		MaxRedirects: redirects, MaxRetryBackoff: 50 * time.Millisecond,

		PoolSize: o.PoolSize, MaxIdleConns: o.MaxIdleConns, ConnMaxIdleTime: o.ConnMaxIdleTime,
		PipelinePoolSize: o.PipelinePoolSize, ReadBufferSize: o.ReadBufferSize, WriteBufferSize: o.WriteBufferSize,

		DisableRoutingPolicies: true, // they would ask the server about its commands
		DisableIdentity:        o.DisableIdentity, MaintNotificationsConfig: o.MaintNotificationsConfig,
	}
}

// connect makes the client. It opens no connection, but begins to ask sentinels.
func (s *Store) connect() {
	logging.Disable() // every error reaches our caller, and go-redis has one logger for the whole process
	dial := &dialer{tls: s.address.tls, servers: &s.servers}
	switch s.address.kind {
	case single:
		s.client = redis.NewClient(s.options(s.address.hosts, dial))
	case cluster:
		s.client = redis.NewClusterClient(s.clusterOptions(dial))
	case sentinel:
		s.sentinels = watch(s.address.master, s.askSentinels(), func() {
			at := s.servers.at(thePrimary)
			at.trust.endBefore(time.Now())
			at.breaker.forget()
		})
		dial.primary = s.sentinels.primary
		s.client = redis.NewClient(s.options(thePrimary, dial))
	}
}

func (s *Store) askSentinels() []*askedSentinel {
	var asked []*askedSentinel
	for addr := range strings.SplitSeq(s.address.hosts, ",") {
		o := s.options(addr, &dialer{tls: s.address.tls, servers: &s.servers})
		o.DB, o.CredentialsProviderContext = 0, nil
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolSize = sentinelTime, sentinelTime, sentinelTime, 2
		locked := *o
		locked.CredentialsProviderContext = s.sentinelCredentials
		asked = append(asked, &askedSentinel{open: redis.NewSentinelClient(o), locked: redis.NewSentinelClient(&locked)})
	}
	return asked
}

func (s *Store) serverCredentials(context.Context) (user, password string, err error) {
	c := s.credentials.Load()
	return c.user, c.password, nil
}

// sentinelCredentials are the servers' unless the URL says otherwise.
func (s *Store) sentinelCredentials(context.Context) (user, password string, err error) {
	c := s.credentials.Load()
	if c.sentinelPassword != "" {
		return c.sentinelUser, c.sentinelPassword, nil
	}
	return c.user, c.password, nil
}
