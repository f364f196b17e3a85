package fault

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sidegate/session/sessiontest"
)

// commands is what a Redis server was asked, by its own account.
type asked map[string]int

func count(r *sessiontest.RedisServer) asked {
	all := make(asked)
	for _, m := range regexp.MustCompile(`cmdstat_([^:]+):calls=(\d+)`).FindAllStringSubmatch(r.Do("INFO", "commandstats"), -1) {
		all[m[1]], _ = strconv.Atoi(m[2])
	}
	// The feed's own, and what the counting costs.
	for _, own := range []string{"ping", "info", "hello", "subscribe", "select", "client|setinfo", "config|resetstat"} {
		delete(all, own)
	}
	return all
}

// While copies are fresh Redis is asked nothing, counted at Redis.
func TestTheHotPathAsksRedisNothing(t *testing.T) {
	t.Parallel()
	redis := sessiontest.Redis(t)
	s := newSite(t, settings{"SESSION_STORE": redis.URL})
	r := s.replica(nil)
	people := crowd(t, 50, r.door)
	wantServed(t, people, r.door)
	redis.Do("CONFIG", "RESETSTAT")
	l := startLoad(t, people, 300, r.door)
	time.Sleep(10 * time.Second)
	got := l.stop()
	got.wantFlawless(t, "on the hot path")
	questions := count(redis)
	if len(questions) > 0 {
		t.Errorf("Redis was asked %v", questions)
	}
	t.Logf("hot path: Redis was asked %d things during %d requests of %d people", len(questions), got.asked, len(people))
}

// With an idle limit of 12 h somebody who is always active costs Redis a write a
// minute, and no read.
func TestActivityIsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	redis := sessiontest.Redis(t)
	s := newSite(t, settings{"SESSION_STORE": redis.URL, "SESSION_IDLE": "12h"})
	r := s.replica(nil)
	people := crowd(t, 1, r.door)
	open := openSockets(t, 3, people, r.door)
	redis.Do("CONFIG", "RESETSTAT")
	l := startLoad(t, people, 10, r.door)
	const watched = 130 * time.Second
	time.Sleep(watched)
	l.stop().wantFlawless(t, "during two minutes of activity")
	questions := count(redis)
	// A machine that stands still for a second cuts the feed, after which what has open
	// connections is looked at again.
	cuts := strings.Count(r.Output.String(), "feed is down")
	if questions["set"] > 2 || questions["set"] < 1 || questions["get"] > 2*cuts || len(questions) > 1+cuts {
		t.Errorf("in %v Redis was asked %v, want one or two writes and nothing else (the feed was cut %d times)", watched, questions, cuts)
	}
	open.wantUntouched("during two minutes of activity")
	t.Logf("12 h idle limit: %d writes and %d reads of one busy session in %v", questions["set"], questions["get"], watched)
}
