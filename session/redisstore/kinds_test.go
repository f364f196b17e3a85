package redisstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sidegate/session"
	"sidegate/session/redisstore"
	"sidegate/session/sessiontest"
)

func TestAServerWatchedBySentinelsKeepsTheStoreContract(t *testing.T) {
	t.Parallel()
	set := sessiontest.Sentinel(t)
	sessiontest.TestStore(t, func(t *testing.T) session.Store { return openPatient(t, set.URL) })
}

func TestAClusterKeepsTheStoreContract(t *testing.T) {
	t.Parallel()
	c := sessiontest.Cluster(t)
	sessiontest.TestStore(t, func(t *testing.T) session.Store { return openPatient(t, c.URL) })
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
