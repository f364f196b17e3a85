package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sidegate/session"
	"sidegate/session/redisstore"
)

// price is what one thing costs Redis.
type price struct {
	what  string
	calls map[string]float64 // commands, each by its name
	cpu   time.Duration      // of the server
}

// costs is what a Redis is asked for sidegate's sake, and what it holds.
type costs struct {
	signIn, read, touch price
	revoke              map[int]price // by the number of replicas that listen
	record, group, used float64       // bytes of a session, its place in the index, and of the mark of a used sign-in
	heard               time.Duration // what a replica works for each revocation it is told of
	hot                 calls         // what Redis was asked
	requests            int           // during so many
	capacity            float64       // requests a second that one processor serves
}

// listeners are the numbers of replicas that revocations are measured with.
func listeners() []int { return []int{1, 10, 100} }

// redisCosts measures it: signing in and what replicas do through the running program,
// the rest with sidegate's own code on a server where nothing else happens.
func (r *run) redisCosts(ctx context.Context) (k costs, err error) {
	i := slices.IndexFunc(r.all, func(c *candidate) bool { return c.name == "redis" })
	if i < 0 {
		return k, fmt.Errorf("the candidate redis is needed")
	}
	c := r.all[i]
	r.say("what sessions cost Redis")
	if err := r.hotPath(ctx, c, &k); err != nil {
		return k, err
	}
	if err := r.signInCosts(ctx, c, &k); err != nil {
		return k, err
	}
	if k.heard, err = r.hearing(c); err != nil {
		return k, err
	}
	if cpu := r.figures.of(cpuFlat, c.name); cpu.known() {
		k.capacity = 1e6 / cpu.median
	}
	return k, r.storeCosts(ctx, &k)
}

// hotPath counts what Redis is asked while a session that is known is in use.
func (r *run) hotPath(ctx context.Context, c *candidate, k *costs) error {
	if _, err := r.wrk(ctx, c.url, connections, time.Second, browserHeader(), c.cookie); err != nil {
		return err
	}
	before, err := r.sessions.counts()
	if err != nil {
		return err
	}
	f, err := r.wrk(ctx, c.url, connections, 2*time.Second, browserHeader(), c.cookie)
	if err != nil {
		return err
	}
	after, err := r.sessions.counts()
	if err != nil {
		return err
	}
	k.hot, k.requests = after.since(before), f.requests
	if n := k.hot.sum("ping"); n > 0 {
		return fmt.Errorf("the hot path asks Redis: %v during %d requests", k.hot, f.requests)
	}
	return nil
}

// signInCosts counts what a sign-in through the program costs Redis, and leaves there.
func (r *run) signInCosts(ctx context.Context, c *candidate, k *costs) error {
	var n int
	p, err := priceOf(r.sessions, "a sign-in", func() (int, error) {
		var err error
		n, _, err = signInMany(ctx, c.url+pathSmall, 8, r.size.signIns)
		return n, err
	})
	if err != nil {
		return err
	}
	k.signIn = p
	const record, mark = "sidegate:s:", "sidegate:a:"
	size, count, err := r.sessions.bytesOf(record, mark)
	if err != nil {
		return err
	}
	if count[record] == 0 || count[mark] == 0 {
		return fmt.Errorf("no sessions found in Redis: %v", count)
	}
	k.record = float64(size[record]) / float64(count[record])
	k.used = float64(size[mark]) / float64(count[mark])
	return nil
}

// hearing is what a replica works for a revocation that another one tells.
func (r *run) hearing(c *candidate) (time.Duration, error) {
	conn, err := dialRedis(r.sessions.addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	const messages = 5000
	gate := &candidate{name: c.name, pids: c.pids}
	used, err := account(gate, func() error {
		for i := range messages {
			key := fmt.Sprintf("%064x", i)
			heard, err := conn.do("PUBLISH", "sidegate:revoked", "s:"+key+"\nt:"+key)
			if err != nil {
				return err
			}
			if heard != int64(1) {
				return fmt.Errorf("%v listen", heard)
			}
		}
		return nil
	})
	return used / messages, err
}

// priceOf counts commands and the server's work while do does n things.
func priceOf(r *redisServer, what string, do func() (n int, err error)) (p price, err error) {
	before, err := r.counts()
	if err != nil {
		return p, err
	}
	var n int
	used, err := account(&candidate{name: r.name, pids: []int{r.pid()}}, func() error {
		n, err = do()
		return err
	})
	if err != nil {
		return p, err
	}
	after, err := r.counts()
	if err != nil || n == 0 {
		return p, fmt.Errorf("%s: none was made, %v", what, err)
	}
	p = price{what: what, calls: make(map[string]float64), cpu: used / time.Duration(n)}
	for name, m := range after.since(before) {
		if name != "ping" { // a feed's, which come by the second and not by what is done
			p.calls[name] = float64(m) / float64(n)
		}
	}
	return p, nil
}

// storeCosts measures what Redis is asked where the clock has to be put forward, or many
// replicas have to listen.
func (r *run) storeCosts(ctx context.Context, k *costs) error {
	server, err := r.startRedis(ctx, "redis for costs")
	if server != nil {
		defer server.stop()
	}
	if err != nil {
		return err
	}
	const public, secret = "http://127.0.0.1:9", "a secret of at least thirty-two bytes"
	replica := func() (*people, session.Store, error) {
		store, err := redisstore.Open(server.url())
		if err != nil {
			return nil, nil, err
		}
		p, err := newPeople(store, secret, public, "http://127.0.0.1:8")
		return p, store, err
	}
	p, store, err := replica()
	if err != nil {
		return err
	}
	defer store.Close()
	all, cookies, err := p.signIn(ctx, 0, r.size.people, 16)
	if err != nil {
		return err
	}
	const group = "sidegate:\x00group:"
	size, count, err := server.bytesOf(group)
	if err != nil {
		return err
	}
	if count[group] != int64(len(all)) {
		return fmt.Errorf("%d people are in %d groups", len(all), count[group])
	}
	k.group = float64(size[group]) / float64(count[group])
	second, other, err := replica()
	if err != nil {
		return err
	}
	defer other.Close()
	each := func(what string, do func(int) error) (price, error) {
		return priceOf(server, what, func() (int, error) { return len(all), crowd(len(all), 16, do) })
	}
	if k.read, err = each("the first request at a replica", func(i int) error {
		_, err := second.Find(asking(ctx, cookies[i]))
		return err
	}); err != nil {
		return err
	}
	p.clock.Store(int64(61 * time.Second)) // a step further, and a copy is still fresh
	if k.touch, err = each("a minute of activity at a replica", func(i int) error {
		_, err := p.Touch(ctx, all[i])
		return err
	}); err != nil {
		return err
	}
	k.revoke, err = revocations(ctx, server, p, all)
	return err
}

// revocations ends the sessions, a part of them for each number of listeners.
func revocations(ctx context.Context, server *redisServer, p *people, all []session.Session) (map[int]price, error) {
	prices := make(map[int]price)
	open := 0
	part := len(all) / len(listeners())
	for i, n := range listeners() {
		for ; open < n; open++ {
			c, err := listenAt(server)
			if err != nil {
				return nil, err
			}
			defer c.Close()
		}
		mine := all[i*part : (i+1)*part]
		price, err := priceOf(server, fmt.Sprintf("a revocation, %d replicas", n), func() (int, error) {
			return len(mine), crowd(len(mine), 16, func(i int) error {
				ended, err := p.EndSubject(ctx, mine[i].Identity.Issuer, mine[i].Identity.Subject)
				if err == nil && ended != 1 {
					err = fmt.Errorf("%d sessions ended", ended)
				}
				return err
			})
		})
		if err != nil {
			return nil, err
		}
		prices[n] = price
	}
	return prices, nil
}

// listenAt listens for revocations, as a replica does.
func listenAt(server *redisServer) (*redisConn, error) {
	c, err := dialRedis(server.addr)
	if err != nil {
		return nil, err
	}
	if _, err := c.do("SUBSCRIBE", "sidegate:revoked"); err != nil {
		c.Close()
		return nil, err
	}
	_ = c.SetDeadline(time.Time{})
	go func() {
		for {
			if _, err := c.answer(); err != nil {
				return
			}
		}
	}()
	return c, nil
}

// list is the commands of a price in words: "1 get, 2 eval".
func (p price) list() string {
	var names []string
	for name := range p.calls {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %s", short(p.calls[name]), name)
	}
	return strings.Join(names, ", ")
}
