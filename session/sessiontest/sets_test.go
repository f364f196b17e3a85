package sessiontest_test

import (
	"strings"
	"testing"
	"time"

	"sidegate/session/sessiontest"
)

func TestASentinelSetFailsOver(t *testing.T) {
	t.Parallel()
	s := sessiontest.Sentinel(t)
	first := s.Primary()
	first.Do("SET", "a", "x")
	for giveUp := time.Now().Add(5 * time.Second); first.Do("WAIT", "1", "1000") != "1"; {
		if time.Now().After(giveUp) {
			t.Fatal("the replica does not follow")
		}
	}
	start := time.Now()
	if killed := s.KillPrimary(); killed != first {
		t.Error("another server than the primary was killed")
	}
	second := s.Primary()
	t.Logf("another primary after %v", time.Since(start))
	if second == first || second.Do("GET", "a") != "x" {
		t.Errorf("after the failover a = %q", second.Do("GET", "a"))
	}
	first.Start()
	for giveUp := time.Now().Add(15 * time.Second); !strings.HasPrefix(first.Do("ROLE"), "slave\n"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(giveUp) {
			t.Fatalf("the old primary does not follow the new one: %q", first.Do("ROLE"))
		}
	}
}

func TestASentinelSetFailsOverByHandAndWithAPassword(t *testing.T) {
	t.Parallel()
	s := sessiontest.Sentinel(t, "--requirepass", "secret")
	if !strings.HasPrefix(s.URL, "redis+sentinel://:secret@127.0.0.1:") || strings.Count(s.URL, ",") != 2 {
		t.Errorf("URL = %q", s.URL)
	}
	first := s.Primary()
	if second := s.Failover(); second == first || !strings.HasPrefix(second.Do("ROLE"), "master\n") {
		t.Errorf("after a failover the other server's role is %q", second.Do("ROLE"))
	}
}

func TestAClusterServesEverySlotFromItsNode(t *testing.T) {
	t.Parallel()
	c := sessiontest.Cluster(t)
	if !strings.HasPrefix(c.URL, "redis+cluster://127.0.0.1:") || strings.Count(c.URL, ",") != 2 {
		t.Errorf("URL = %q", c.URL)
	}
	seen := make(map[int]bool)
	for _, key := range strings.Split("abcdefghij", "") {
		seen[c.NodeOf(key)] = true
		if got := c.Nodes[c.NodeOf(key)].Do("SET", key, "x"); got != "OK" {
			t.Errorf("SET %s at its node = %q", key, got)
		}
	}
	if len(seen) != 3 {
		t.Errorf("ten keys are on nodes %v, want all three", seen)
	}
	node := c.NodeOf("a")
	c.KillNode(node)
	c.StartNode(node)
	if got := c.Nodes[node].Do("SET", "a", "y"); got != "OK" {
		t.Errorf("SET after a restart = %q", got)
	}
}
