package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sidegate/session"
	"sidegate/session/redisstore"
	"sidegate/session/sessiontest"
)

// listener takes the notices of a feed as they come.
type listener struct {
	t       *testing.T
	notices <-chan session.Notice
}

func listen(t *testing.T, s *redisstore.Store) listener {
	t.Helper()
	l := listener{t, s.Revoked(t.Context())}
	return l
}

// until waits for the first notice of which is holds, and returns how long it took.
func (l listener) until(what string, is func(session.Notice) bool) time.Duration {
	l.t.Helper()
	start, late := time.Now(), time.After(15*time.Second)
	for {
		select {
		case n, ok := <-l.notices:
			if !ok {
				l.t.Fatalf("the feed ended instead of %s", what)
			}
			if is(n) {
				return time.Since(start)
			}
		case <-late:
			l.t.Fatalf("the feed does not tell %s", what)
		}
	}
}

func (l listener) up() time.Duration {
	l.t.Helper()
	return l.until("that it is up", func(n session.Notice) bool { return n.Up })
}

func (l listener) down() time.Duration {
	l.t.Helper()
	return l.until("that it is down", func(n session.Notice) bool { return !n.Up && n.Err != nil })
}

// hears revokes a key, again while the store cannot, and waits until it is told.
func (l listener) hears(s *redisstore.Store) time.Duration {
	l.t.Helper()
	key := fmt.Sprint("key ", revoked.Add(1))
	for giveUp := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := s.Revoke(l.t.Context(), key)
		if err == nil {
			break
		}
		if time.Now().After(giveUp) {
			l.t.Fatalf("Revoke: %v", err)
		}
	}
	return l.until("that "+key+" is revoked", func(n session.Notice) bool { return len(n.Keys) == 1 && n.Keys[0] == key })
}

var revoked atomic.Int32

// A cut that no packet tells of: the server stops, or a firewall forgets.
func TestASilentCutOfTheFeedIsNoticed(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	s := open(t, r.URL)
	feed := listen(t, s)
	feed.up()
	r.Pause()
	took := feed.down()
	r.Resume()
	back := feed.up()
	t.Logf("silent cut noticed after %v, feed back %v after the end", took, back)
	if took > 2*time.Second {
		t.Errorf("a silent cut is noticed after %v, want at most 2 s", took)
	}
	if back > 2*time.Second {
		t.Errorf("the feed is back after %v, want at most 2 s", back)
	}
	feed.hears(s)
}

func TestAQuietFeedStaysUp(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	s := open(t, r.URL)
	feed := listen(t, s)
	feed.up()
	select {
	case n := <-feed.notices:
		t.Errorf("a feed in order tells %+v", n)
	case <-time.After(3 * time.Second): // some questions later
	}
	feed.hears(s)
}

func TestTheFeedReturnsAfterARestart(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	s := open(t, r.URL)
	feed := listen(t, s)
	feed.up()
	r.Kill()
	took := feed.down()
	time.Sleep(time.Second)
	r.Start()
	back := feed.up()
	t.Logf("kill noticed after %v, feed back %v after the start", took, back)
	if back > 1500*time.Millisecond {
		t.Errorf("the feed is back after %v, want about a second", back)
	}
	feed.hears(s)
}

// A server that is down is no news twice a second.
func TestALostFeedIsToldOnce(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	s := open(t, r.URL)
	r.Kill()
	feed := listen(t, s)
	feed.down()
	for quiet := time.After(1500 * time.Millisecond); ; {
		select {
		case n := <-feed.notices:
			t.Errorf("told again: %+v", n)
			return
		case <-quiet:
			return
		}
	}
}

// Whoever must not listen has to be told so: a feed that is down for ever makes
// revocation slow, and everything else works.
func TestAFeedThatTheServerRefusesSaysWhy(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	r.Do("ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all", "-subscribe")
	s := open(t, "redis://deaf:secret@"+r.Addr())
	wantWorking(t, s)
	notice := <-s.Revoked(t.Context())
	if notice.Up || notice.Err == nil || !strings.Contains(notice.Err.Error(), "NOPERM") || strings.Contains(notice.Err.Error(), "secret") {
		t.Errorf("the notice is %+v, want that it says NOPERM", notice)
	}
}

// One who takes no notices must not keep the store from revoking.
func TestAnInattentiveListenerIsInNobodysWay(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	s := openPatient(t, r.URL)
	ctx, cancel := context.WithCancel(t.Context())
	sleeper := s.Revoked(ctx)
	feed := listen(t, s)
	feed.up()
	for range 20 {
		feed.hears(s)
	}
	cancel()
	for range sleeper { // ends, whatever is left in it
	}
}

func TestTenThousandKeysAreRevokedTogether(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) string{
		"one server": func(t *testing.T) string { return sessiontest.Redis(t).URL },
		"a cluster":  func(t *testing.T) string { return sessiontest.Cluster(t).URL },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openPatient(t, start(t))
			var keys []string
			missing := make(map[string]bool)
			for i := range 10_000 {
				key := fmt.Sprint("key, with blanks ", i)
				keys, missing[key] = append(keys, key), true
			}
			for _, key := range keys[:100] {
				if err := s.Put(t.Context(), key, nil, time.Minute); err != nil {
					t.Fatal(err)
				}
			}
			feed := listen(t, s)
			feed.up()
			took := make(chan time.Duration, 1)
			go func() {
				begin := time.Now()
				if err := s.Revoke(t.Context(), keys...); err != nil {
					t.Errorf("Revoke: %v", err)
				}
				took <- time.Since(begin)
			}()
			heard := feed.until("the last key", func(n session.Notice) bool {
				for _, key := range n.Keys {
					delete(missing, key)
				}
				return len(missing) == 0
			})
			revoke := <-took
			t.Logf("Revoke of 10,000 keys took %v, all were told after %v", revoke, heard)
			if revoke > time.Second {
				t.Errorf("Revoke took %v, want less than a second", revoke)
			}
			left := 0
			if err := s.Each(t.Context(), "", func(string, []byte) error { left++; return nil }); err != nil || left > 0 {
				t.Errorf("%d records are left, %v", left, err)
			}
		})
	}
}

// FLT-06: the primary dies.
func TestAFailoverCostsLittleMoreThanItTakes(t *testing.T) {
	t.Parallel()
	set := sessiontest.Sentinel(t)
	s := open(t, set.URL)
	wantWorking(t, s)
	feed := listen(t, s)
	feed.up()
	old := set.KillPrimary()
	start := time.Now()
	feed.down()
	var agreed time.Time
	for i := 0; ; i++ {
		if ok, err := s.PutIfAbsent(t.Context(), fmt.Sprint("claim ", i), nil, time.Minute); err == nil && ok {
			break
		}
		if agreed.IsZero() && set.Agreed(old) {
			agreed = time.Now()
		}
		if time.Since(start) > 20*time.Second {
			t.Fatal("no write succeeds after the failover")
		}
		time.Sleep(5 * time.Millisecond)
	}
	took, behind := time.Since(start), time.Since(agreed)
	if agreed.IsZero() {
		behind = 0
	}
	feed.up()
	t.Logf("FLT-06: first write %v after the primary's death, %v after the sentinels agreed; feed back after %v", took, behind, time.Since(start))
	// How long the sentinels take is theirs, and more on a busy machine.
	if limit := sessiontest.SentinelDownAfter + 2*time.Second; took > limit && behind > time.Second {
		t.Errorf("the first write comes after %v, want at most %v", took, limit)
	}
	feed.hears(s)
	old.Start() // as a replica, soon
	feed.hears(s)
	wantWorking(t, s)
}

// After a failover with all servers in order the old primary takes writes for some ten
// seconds more, which are lost then.
func TestAnOldPrimaryThatLivesOnIsLeft(t *testing.T) {
	t.Parallel()
	set := sessiontest.Sentinel(t)
	s := open(t, set.URL)
	wantWorking(t, s)
	fillPool(t, s)
	feed := listen(t, s)
	feed.up()
	old := set.Primary()
	next := set.Failover()
	took := feed.down()
	feed.up()
	t.Logf("left %v after the sentinels agreed", took)
	if took > time.Second {
		t.Errorf("the old primary is left after %v, want at most a second", took)
	}
	if role := old.Do("ROLE"); !strings.HasPrefix(role, "master\n") {
		t.Errorf("the old primary was to live on, and is %q", role)
	}
	for i := range 50 {
		key := fmt.Sprint("claim ", i)
		if ok, err := s.PutIfAbsent(t.Context(), key, nil, time.Minute); !ok || err != nil {
			t.Fatalf("PutIfAbsent = %v, %v", ok, err)
		}
		if next.Do("EXISTS", "sidegate:"+key) != "1" {
			t.Fatalf("write %d did not go to the new primary", i)
		}
	}
	feed.hears(s)
}

// A sentinel that hangs, or is gone, must not keep us from those that work.
func TestTwoOfThreeSentinelsAreEnough(t *testing.T) {
	t.Parallel()
	set := sessiontest.Sentinel(t)
	set.Sentinels[0].Pause()
	s := open(t, set.URL)
	wantWorking(t, s)
	set.Sentinels[0].Resume()
	set.Sentinels[1].Kill()
	another := open(t, set.URL)
	wantWorking(t, another)
	set.Sentinels[0].Kill()
	set.Sentinels[2].Kill()
	wantWorking(t, s) // what is known goes on
	lost := open(t, set.URL)
	wantOutage(t, lost)
	set.Sentinels[0].Start()
	wantWorking(t, lost)
}

// A node that dies takes its own keys with it, for a while, and no others, and the
// feed moves on.
func TestANodeOfAClusterThatDiesTakesNobodyWithIt(t *testing.T) {
	t.Parallel()
	c := sessiontest.Cluster(t)
	s := open(t, c.URL)
	keys := make(map[int]string) // one on each node
	for i := 0; len(keys) < 3; i++ {
		key := fmt.Sprint("key ", i)
		keys[c.NodeOf("sidegate:"+key)] = key
	}
	for _, key := range keys {
		wantWorking(t, s)
		if err := s.Put(t.Context(), key, []byte("x"), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	feed := listen(t, s)
	feed.up()
	for dead := range 2 { // the feed listened to one of the nodes, by chance
		c.KillNode(dead)
		for range 50 {
			for range 10 { // as many failures in a row as a breaker likes
				if _, err := s.Get(t.Context(), keys[dead]); err == nil || errors.Is(err, session.ErrNone) {
					t.Fatalf("Get from a dead node = %v", err)
				}
			}
			if got, err := s.Get(t.Context(), keys[2]); string(got) != "x" {
				t.Fatalf("Get from another node = %q, %v", got, err)
			}
		}
		start := time.Now()
		if err := s.Revoke(t.Context(), keys[dead]); err == nil {
			t.Error("a revocation on a dead node reports success")
		}
		// Told through the node that is left.
		wantTold(t, s, feed, keys[2])
		t.Logf("node %d dead: a revocation is told after %v", dead, time.Since(start))
		if err := s.Put(t.Context(), keys[2], []byte("x"), time.Minute); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		c.StartNode(dead)
		for {
			if err := s.Put(t.Context(), keys[dead], []byte("x"), time.Minute); err == nil {
				break
			}
			if time.Since(start) > 10*time.Second {
				t.Fatal("the node's keys do not come back")
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Logf("node %d back: its keys are writable %v after the start", dead, time.Since(start))
	}
	feed.hears(s)
}

// wantTold revokes key until it is told: a feed may be moving to another node.
func wantTold(t *testing.T, s *redisstore.Store, feed listener, key string) {
	t.Helper()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for late := time.After(5 * time.Second); ; {
		select {
		case n := <-feed.notices:
			if len(n.Keys) > 0 && n.Keys[0] == key {
				return
			}
		case <-again.C:
			if err := s.Revoke(t.Context(), key); err != nil {
				t.Fatalf("Revoke: %v", err)
			}
		case <-late:
			t.Fatal("a revocation is never told")
		}
	}
}

// In a cluster the channel's own node may be the one that is down, and the feed has
// to do without.
func TestTheFeedOfAClusterNeedsNoCertainNode(t *testing.T) {
	t.Parallel()
	c := sessiontest.Cluster(t)
	c.KillNode(c.NodeOf("sidegate:revoked"))
	s := open(t, c.URL)
	feed := listen(t, s)
	t.Logf("without the channel's node the feed is up after %v", feed.up())
}
