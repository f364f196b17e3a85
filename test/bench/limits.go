package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// What the limits are derived from, besides what was measured.
const (
	share     = 0.5             // of one processor that Redis, or a replica, is given for one thing: the rest is for bursts
	step      = time.Minute     // how often a replica notes that a session is in use (session.Limits)
	copies    = 20_000          // sessions that a replica keeps copies of at least (session/copies.go)
	sockets   = 32 + 1          // connections of a replica to a server at most, with the feed (session/redisstore)
	everyone  = 5 * time.Second // how often somebody who works with a dashboard causes a request
	allowance = 1 << 30         // bytes
)

// hotPath says what Redis was asked while a known session was in use.
func (k costs) hotPath() string {
	return fmt.Sprintf("During %s requests of a session that is known Redis was asked %d commands about sessions (by its own `INFO commandstats`), "+
		"and %d times whether it is there: the feed asks that when it has heard nothing for 0.8 s.",
		thousands(float64(k.requests)), k.hot.sum("ping"), k.hot["ping"])
}

// table is what each thing costs Redis.
func (k costs) table() string {
	head := []string{"", "commands", "which, those inside scripts too", "µs of Redis"}
	row := func(p price) []string {
		n := 0.0
		for name, m := range p.calls {
			if !inScript(name) || p.calls["eval"] == 0 {
				n += m
			}
		}
		return []string{p.what, short(n), p.list(), short(micros(p.cpu))}
	}
	rows := [][]string{row(k.signIn), row(k.read), row(k.touch)}
	for _, n := range listeners() {
		rows = append(rows, row(k.revoke[n]))
	}
	memory := [][]string{
		{"the session's record", short(k.record)},
		{"its place in the index, for somebody with one session", short(k.group)},
		{"the mark of a sign-in that was used, for some minutes", short(k.used)},
	}
	return markdown(head, rows) + "\n\n" + markdown([]string{"in Redis (`MEMORY USAGE`)", "bytes"}, memory)
}

// inScript tells what only sidegate's script for the index sends.
func inScript(name string) bool {
	return slices.Contains([]string{"zadd", "zremrangebyscore", "pttl", "pexpire"}, name)
}

// perSecond is how many of something a share of one processor does.
func perSecond(each time.Duration) float64 {
	if each <= 0 {
		return math.NaN()
	}
	return share * float64(time.Second) / float64(each)
}

// bound is how many people can be active at the same time, for one reason.
type bound struct {
	why    string
	people float64
}

// bounds are those at a number of replicas, of which everybody uses so many.
func (k costs) bounds(replicas, each float64) []bound {
	return []bound{
		{"the replicas' processors", replicas * k.capacity * share * everyone.Seconds()},
		{"the copies that a replica keeps", replicas / each * copies},
		{"Redis, which notes activity", perSecond(k.touch.cpu) * step.Seconds() / each},
	}
}

func tightest(all []bound) bound {
	return slices.MinFunc(all, func(a, b bound) int {
		switch {
		case a.people < b.people:
			return -1
		case a.people > b.people:
			return 1
		}
		return 0
	})
}

// limits derives what one Redis is good for, at several numbers of replicas.
func (k costs) limits() string {
	head := []string{"replicas"}
	at := listeners()
	for _, n := range at {
		head = append(head, fmt.Sprint(n))
	}
	row := func(what string, value func(replicas float64) string) []string {
		cells := []string{what}
		for _, n := range at {
			cells = append(cells, value(float64(n)))
		}
		return cells
	}
	var rows [][]string
	rows = append(rows, row("requests a second, half a processor each", func(n float64) string { return short(n * k.capacity * share) }))
	for i, b := range k.bounds(1, 1) {
		rows = append(rows, row("people at once, each at one replica: "+b.why, func(n float64) string { return short(k.bounds(n, 1)[i].people) }))
	}
	for i, b := range k.bounds(1, 1)[1:] {
		rows = append(rows, row("the same, each at every replica: "+b.why, func(n float64) string { return short(k.bounds(n, n)[i+1].people) }))
	}
	rows = append(rows,
		row("**what binds first**, each at one replica", func(n float64) string { b := tightest(k.bounds(n, 1)); return b.why + ": " + short(b.people) }),
		row("**what binds first**, each at every replica", func(n float64) string { b := tightest(k.bounds(n, n)); return b.why + ": " + short(b.people) }),
		row("sign-ins a second, Redis", func(float64) string { return short(perSecond(k.signIn.cpu)) }),
		row("sign-outs a second, Redis", func(n float64) string { return short(perSecond(k.revoke[int(n)].cpu)) }),
		row("sign-outs a second, each replica, which hears of all", func(float64) string { return short(perSecond(k.heard)) }),
		row("sessions in 1 GiB of Redis", func(float64) string { return short(allowance / (k.record + k.group)) }),
		row("connections to Redis, at most", func(n float64) string { return thousands(n * sockets) }),
	)
	return markdown(head, rows)
}
