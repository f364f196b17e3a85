package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// grown is what is varied, and how long is looked at each.
type grown struct {
	rounds                       int
	each                         time.Duration
	conns, stored, used, headers []int
}

// curve is how the cost of a request grows with something.
type curve struct {
	what  string
	at    []int
	lines []line
}

// line is one candidate's: µs of a processor for a request, at each of curve.at.
type line struct {
	title string
	cost  []spread
}

// baseHeaders is how many fields a request has without more: browserHeader, Host and
// Cookie.
const baseHeaders = 10

// growth measures all curves.
func (r *run) growth(ctx context.Context) ([]curve, error) {
	r.say("how cost grows")
	var pair []*candidate
	for _, c := range r.all {
		if c.name == bare || c.name == "redis" {
			pair = append(pair, c)
		}
	}
	g := r.grow
	conns, err := r.vary("connections", g.conns, pair, func(c *candidate, n int) (flat, error) {
		return r.wrk(ctx, c.url, n, g.each, browserHeader(), c.cookie)
	})
	if err != nil {
		return nil, err
	}
	headers, err := r.vary("header fields of a request", g.headers, pair, func(c *candidate, n int) (flat, error) {
		return r.wrk(ctx, c.url, connections, g.each, moreHeader(n-baseHeaders), c.cookie)
	})
	if err != nil {
		return nil, err
	}
	inFile, _, err := r.crowded(ctx, "file", nil)
	if err != nil {
		return nil, err
	}
	inRedis, inUse, err := r.crowded(ctx, "redis", g.used)
	if err != nil {
		return nil, err
	}
	return []curve{
		conns,
		{"sessions in the store", g.stored, []line{inFile, inRedis}},
		{"sessions in use", g.used, []line{inUse}},
		headers,
	}, nil
}

// vary measures candidates, which take turns, at each of several sizes.
func (r *run) vary(what string, at []int, all []*candidate, load func(*candidate, int) (flat, error)) (curve, error) {
	c := curve{what: what, at: at, lines: make([]line, len(all))}
	costs := make([][][]float64, len(all)) // of a candidate, at a size, in a round
	for i := range all {
		costs[i] = make([][]float64, len(at))
	}
	for range r.grow.rounds {
		for j, n := range at {
			for i, one := range all {
				cost, err := perRequest(one, func() (flat, error) { return load(one, n) })
				if err != nil {
					return c, fmt.Errorf("%d %s: %w", n, what, err)
				}
				costs[i][j] = append(costs[i][j], cost)
			}
		}
	}
	for i, one := range all {
		c.lines[i].title = one.title
		for _, rounds := range costs[i] {
			c.lines[i].cost = append(c.lines[i].cost, spreadOf(rounds))
		}
	}
	return c, nil
}

// perRequest is what a request costs under a load, in µs.
func perRequest(c *candidate, load func() (flat, error)) (float64, error) {
	var f flat
	used, err := account(c, func() (err error) {
		f, err = load()
		return err
	})
	if err == nil && f.requests == 0 {
		err = fmt.Errorf("%s: no request was answered", c.name)
	}
	return micros(used) / float64(max(f.requests, 1)), err
}

// moreHeader is what a browser sends, and n fields more.
func moreHeader(n int) http.Header {
	h := browserHeader()
	for i := range n {
		h.Set(fmt.Sprintf("X-Field-%d", i), "a value as long as many are")
	}
	return h
}

// fileHolds is how many sessions a file is good for: it is bounded.
const fileHolds = 100_000

// visitors is how many people's sessions are in use while there are more and more.
const visitors = 100

// crowded puts more and more sessions into a store, and measures what a request then
// costs sidegate while some of them are in use; and, if it is told how many, while more
// and more are.
func (r *run) crowded(ctx context.Context, kind string, use []int) (stored, inUse line, err error) {
	h, err := r.newHall(ctx, kind)
	if err != nil {
		return stored, inUse, err
	}
	defer h.close()
	for _, n := range r.grow.stored {
		if kind == "file" && n > fileHolds {
			stored.cost = append(stored.cost, spreadOf(nil))
			continue
		}
		began := time.Now()
		if err := h.fill(ctx, n); err != nil {
			return stored, inUse, err
		}
		r.say("%d sessions in %s, after %v", n, kind, time.Since(began).Round(time.Second))
		cost, err := r.inHall(ctx, h, min(n, visitors))
		if err != nil {
			return stored, inUse, err
		}
		stored.cost = append(stored.cost, cost)
	}
	for _, n := range use {
		if err := h.invite(ctx, n); err != nil {
			return stored, inUse, err
		}
		cost, err := r.inHall(ctx, h, n)
		if err != nil {
			return stored, inUse, err
		}
		inUse.cost = append(inUse.cost, cost)
	}
	stored.title, inUse.title = h.title, h.title
	return stored, inUse, nil
}

// inHall measures what a request costs while n sessions are in use.
func (r *run) inHall(ctx context.Context, h *hall, n int) (spread, error) {
	if err := h.start(ctx); err != nil {
		return spread{}, err
	}
	defer h.stop()
	if err := h.greet(ctx, n); err != nil {
		return spread{}, err
	}
	load := func() (flat, error) {
		return r.wrk(ctx, h.url, connections, r.grow.each, browserHeader(), h.cookies[:n]...)
	}
	var rounds []float64
	for range r.grow.rounds {
		cost, err := perRequest(h.candidate, load)
		if err != nil {
			return spread{}, err
		}
		rounds = append(rounds, cost)
	}
	return spreadOf(rounds), nil
}
