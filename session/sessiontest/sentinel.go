package sessiontest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sentinelMaster is the name under which the sentinels watch the servers.
const sentinelMaster = "sidegate-test"

// SentinelDownAfter is how long a primary may be silent before the sentinels take it
// for dead.
const SentinelDownAfter = time.Second

// SentinelSet is two real Redis servers, one a replica of the other, and three real
// sentinels that watch them. Its methods are for the test's own goroutine.
type SentinelSet struct {
	URL       string // redis+sentinel://127.0.0.1:PORT,…/NAME/0, with the password if there is one
	Servers   []*RedisServer
	Sentinels []*RedisServer

	t testing.TB
}

// Sentinel starts a set and returns once its sentinels would agree on a failover.
// args are further redis-server options of the two servers; --requirepass is
// understood, and is the sentinels' password as well.
func Sentinel(t testing.TB, args ...string) *SentinelSet {
	t.Helper()
	s := &SentinelSet{t: t}
	for range 2 {
		r := newServer(t, password(args))
		r.args = func() []string { return append(s.replication(r), args...) }
		r.startAnywhere()
		s.Servers = append(s.Servers, r)
	}
	var addrs []string
	for range 3 {
		r := newServer(t, password(args))
		s.configure(r)
		r.args = func() []string { return []string{filepath.Join(r.dir, "sentinel.conf"), "--sentinel"} }
		r.startAnywhere()
		s.Sentinels = append(s.Sentinels, r)
		addrs = append(addrs, r.Addr())
	}
	s.URL = fmt.Sprintf("redis+sentinel://%s%s/%s/0", userinfo(password(args)), strings.Join(addrs, ","), sentinelMaster)
	s.waitAgreed()
	return s
}

// replication has every server that starts beside a running one follow it.
func (s *SentinelSet) replication(self *RedisServer) []string {
	options := []string{"--repl-diskless-sync-delay", "0", "--repl-diskless-sync", "yes", "--repl-timeout", "5"}
	if self.password != "" {
		options = append(options, "--masterauth", self.password)
	}
	for _, r := range s.Servers {
		if r != self && r.child != nil {
			return append(options, "--replicaof", "127.0.0.1 "+fmt.Sprint(r.port))
		}
	}
	return options
}

// configure writes a sentinel's file, which it keeps its memory in.
func (s *SentinelSet) configure(r *RedisServer) {
	s.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "sentinel monitor %s 127.0.0.1 %d 2\n", sentinelMaster, s.Servers[0].port)
	fmt.Fprintf(&b, "sentinel down-after-milliseconds %s %d\n", sentinelMaster, SentinelDownAfter.Milliseconds())
	fmt.Fprintf(&b, "sentinel failover-timeout %s 4000\n", sentinelMaster)
	if r.password != "" {
		fmt.Fprintf(&b, "requirepass %q\nsentinel sentinel-pass %q\nsentinel auth-pass %s %q\n", r.password, r.password, sentinelMaster, r.password)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "sentinel.conf"), []byte(b.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// waitAgreed waits until each sentinel knows the two others and a replica in order:
// a primary that dies earlier has no successor.
func (s *SentinelSet) waitAgreed() {
	s.t.Helper()
	eventually(s.t, "the sentinels know each other and the replica", func() bool {
		for _, r := range s.Sentinels {
			state := "\n" + r.Do("SENTINEL", "MASTER", sentinelMaster) + "\n"
			replicas := r.Do("SENTINEL", "REPLICAS", sentinelMaster)
			if !strings.Contains(state, "\nnum-other-sentinels\n2\n") || !strings.Contains(state, "\nflags\nmaster\n") ||
				!strings.Contains(replicas, "master-link-status\nok") {
				return false
			}
		}
		return true
	})
}

// Primary returns the running server that says it is the primary, as there is one
// unless a failover is under way.
func (s *SentinelSet) Primary() *RedisServer {
	s.t.Helper()
	var primary *RedisServer
	eventually(s.t, "one server is the primary", func() bool {
		primary = nil
		for _, r := range s.Servers {
			if r.child == nil {
				continue
			}
			if role, err := r.do(time.Second, "ROLE"); err == nil && strings.HasPrefix(role, "master\n") {
				if primary != nil {
					return false
				}
				primary = r
			}
		}
		return primary != nil
	})
	return primary
}

// KillPrimary ends the primary without notice and returns it, for Start to bring it
// back as a replica. The sentinels begin to look for another after SentinelDownAfter.
func (s *SentinelSet) KillPrimary() *RedisServer {
	s.t.Helper()
	r := s.Primary()
	r.Kill()
	return r
}

// Failover has the sentinels make the replica the primary, with all servers in order,
// and returns it once all sentinels name it. The old one goes on as a second primary
// until a sentinel has it follow, some ten seconds later.
func (s *SentinelSet) Failover() *RedisServer {
	s.t.Helper()
	old := s.Primary()
	s.Sentinels[0].Do("SENTINEL", "FAILOVER", sentinelMaster)
	eventually(s.t, "all sentinels name the other server", func() bool { return s.Agreed(old) })
	if old == s.Servers[0] {
		return s.Servers[1]
	}
	return s.Servers[0]
}

// Agreed tells whether all running sentinels name another primary than old.
func (s *SentinelSet) Agreed(old *RedisServer) bool {
	s.t.Helper()
	for _, r := range s.Sentinels {
		if r.child != nil && r.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinelMaster) == "127.0.0.1\n"+fmt.Sprint(old.port) {
			return false
		}
	}
	return true
}

// eventually waits until is, or fails the test.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for giveUp := time.Now().Add(startTimeout); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(giveUp) {
			t.Fatalf("it does not come true that %s", what)
		}
	}
}
