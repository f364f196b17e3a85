package redisstore_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/session"
	"sidegate/session/sessiontest"
)

// rule returns the words of the ACL that the package comment recommends, after the
// password.
func rule(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("redisstore.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?s)ACL SETUSER sidegate on >PASSWORD (.*?)\n//\n`).FindSubmatch(source)
	if found == nil {
		t.Fatal("the package comment has no ACL")
	}
	return strings.Fields(strings.ReplaceAll(string(found[1]), "//", " "))
}

// allow makes the recommended user.
func allow(t *testing.T, r *sessiontest.RedisServer) {
	t.Helper()
	r.Do(append([]string{"ACL", "SETUSER", "sidegate", "on", ">secret"}, rule(t)...)...)
}

func asUser(url string) string { return strings.Replace(url, "://", "://sidegate:secret@", 1) }

func TestAUserWithOnlyWhatIsDocumentedIsEnough(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	allow(t, r)
	r.Do("CONFIG", "RESETSTAT")
	sessiontest.TestStore(t, func(t *testing.T) session.Store { return openPatient(t, asUser(r.URL)) })
	t.Run("another database", func(t *testing.T) {
		wantWorking(t, openPatient(t, strings.TrimSuffix(asUser(r.URL), "/0")+"/3"))
	})
	t.Run("a quiet feed", func(t *testing.T) {
		feed := listen(t, open(t, asUser(r.URL)))
		feed.up()
		time.Sleep(2 * time.Second)
		if n := len(feed.notices); n > 0 {
			t.Errorf("%d notices", n)
		}
	})
	// What is allowed and never used should not be allowed.
	used := r.Do("INFO", "commandstats")
	for _, word := range rule(t) {
		command, ok := strings.CutPrefix(word, "+")
		if ok && !strings.Contains(used, "cmdstat_"+command+":") && command != "auth" && command != "cluster|slots" && command != "asking" {
			t.Errorf("%s is allowed without need", command)
		}
	}
	if strings.Contains(used, "rejected_calls=") && regexp.MustCompile(`rejected_calls=[1-9]`).MatchString(used) {
		t.Errorf("a command was refused: %s", regexp.MustCompile(`.*rejected_calls=[1-9].*`).FindString(used))
	}
}

func TestTheDocumentedUserIsEnoughInAClusterToo(t *testing.T) {
	t.Parallel()
	c := sessiontest.Cluster(t)
	for _, r := range c.Nodes {
		allow(t, r)
	}
	sessiontest.TestStore(t, func(t *testing.T) session.Store { return openPatient(t, asUser(c.URL)) })
}

func TestTheDocumentedUserReachesNothingElse(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	allow(t, r)
	for _, line := range []string{
		"SET other x", "GET other", "SET sidegate x", "SCAN 0 MATCH other*", "PUBLISH other x", "PUBLISH sidegate:revoked x",
		"FLUSHALL", "KEYS *", "CONFIG GET dir", "ACL LIST", "REPLICAOF NO ONE", "DEBUG SLEEP 0", "SET sidegate:a x",
	} {
		got := r.Do(append([]string{"ACL", "DRYRUN", "sidegate"}, strings.Fields(line)...)...)
		mayPass := strings.HasPrefix(line, "SCAN") || strings.Contains(line, "sidegate:")
		if (got == "OK") != mayPass {
			t.Errorf("%s as the documented user: %s", line, got)
		}
	}
}

// FLT-10: the password is changed on the server first, as it must be somewhere.
func TestAChangedPasswordNeedsNoRestart(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	user := func(password string) string {
		return fmt.Sprintf("redis://app:%s@%s/0", password, r.Addr())
	}
	r.Do("ACL", "SETUSER", "app", "on", ">old", "~*", "&*", "+@all")
	s := openPatient(t, user("old"))
	wantWorking(t, s)
	r.Do("ACL", "SETUSER", "app", "resetpass", ">new")
	for range 20 {
		if err := s.Put(t.Context(), "a", []byte("x"), time.Minute); err != nil {
			t.Errorf("on a connection from before: %v", err)
		}
	}
	r.Do("CLIENT", "KILL", "USER", "app")
	wantOutage(t, s) // and never absence
	if _, err := s.Get(t.Context(), "a"); err == nil || strings.Contains(err.Error(), "old") {
		t.Errorf("Get = %v", err)
	}
	r.Do("CONFIG", "RESETSTAT")
	for range 100 {
		outage(t, s)
	}
	var connections int
	_, stats, _ := strings.Cut(r.Do("INFO", "stats"), "total_connections_received:")
	if _, err := fmt.Sscan(stats, &connections); err != nil {
		t.Fatal(err)
	}
	if connections > 5 {
		t.Errorf("100 calls with a wrong password opened %d connections, want that the breaker answers", connections)
	}
	if err := s.SetCredentials(user("new")); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	wantWorking(t, s)
	t.Logf("FLT-10: %d connections for 100 calls with the old password; working %v after the new one was set", connections, time.Since(start))
	if took := time.Since(start); took > 250*time.Millisecond {
		t.Errorf("the new password is used after %v, want at once", took)
	}
}

// A connection that was open when the server began to want a password is not kept.
func TestConnectionsThatAreRefusedAreLeft(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	s := openPatient(t, r.URL)
	var callers sync.WaitGroup
	for range 30 {
		callers.Go(func() { s.Get(t.Context(), "a") })
	}
	callers.Wait()
	r.Do("ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all")
	r.Do("ACL", "SETUSER", "sidegate-admin", "on", "nopass", "+@all")
	r.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	r.Do("ACL", "SETUSER", "default", "resetpass", ">admin")
	for range 5 {
		if _, err := s.Get(t.Context(), "a"); err == nil || errors.Is(err, session.ErrNone) {
			t.Fatalf("Get without a password = %v", err)
		}
	}
	if err := s.SetCredentials("redis://:admin@" + r.Addr() + "/0"); err != nil {
		t.Fatal(err)
	}
	wantWorking(t, s)
	for i := range 50 {
		if ok, err := s.PutIfAbsent(t.Context(), fmt.Sprint("claim ", i), nil, time.Minute); !ok || err != nil {
			t.Fatalf("claim %d = %v, %v", i, ok, err)
		}
	}
}

func TestOnlyCredentialsChangeWithoutARestart(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{"redis://:p@a:1/0", "redis://:q@b:1/0"}, {"redis://:p@a:1/0", "redis://:q@a:2/0"}, {"redis://:p@a:1/0", "redis://:q@a:1/1"},
		{"redis://:p@a", "rediss://:q@a"}, {"redis://:p@a", "redis+cluster://:q@a"},
		{"redis+sentinel://:p@a/m", "redis+sentinel://:q@a/n"}, {"redis+sentinel://:p@a/m", "redis+sentinel://:q@a,b/m"},
	} {
		s := open(t, c.from)
		if err := s.SetCredentials(c.to); err == nil || !strings.Contains(err.Error(), "restart") {
			t.Errorf("from %s to %s: %v, want that a restart is needed", c.from, c.to, err)
		}
	}
	s := open(t, "redis://:p@a:6379/0")
	for _, same := range []string{"redis://:q@a", "redis://a", "redis://u:q@a:6379", "redis://:p@a/0"} {
		if err := s.SetCredentials(same); err != nil {
			t.Errorf("SetCredentials(%s) = %v", same, err)
		}
	}
	if err := s.SetCredentials("redis://:hun/ter2@a"); err == nil || strings.Contains(err.Error(), "hun") {
		t.Errorf("SetCredentials with a bad URL = %v", err)
	}
	set := open(t, "redis+sentinel://:p@a/m?sentinel_password=s")
	if err := set.SetCredentials("redis+sentinel://:q@a/m?sentinel_password=r"); err != nil {
		t.Errorf("SetCredentials of sentinels = %v", err)
	}
}

// Most sentinels have the servers' password or none; some have their own.
func TestSentinelsAreToldAPasswordOnlyIfTheyAsk(t *testing.T) {
	t.Parallel()
	set := sessiontest.Sentinel(t, "--requirepass", "secret")
	wantWorking(t, openPatient(t, set.URL))
	wantOutage(t, open(t, strings.Replace(set.URL, ":secret@", "", 1)))

	for _, r := range set.Sentinels {
		r.Do("ACL", "SETUSER", "watcher", "on", ">other", "~*", "&*", "+@all")
		r.Do("ACL", "SETUSER", "default", "resetpass", ">none")
	}
	wantOutage(t, open(t, set.URL))
	wantWorking(t, openPatient(t, set.URL+"?sentinel_password=none"))
	wantWorking(t, openPatient(t, set.URL+"?sentinel_user=watcher&sentinel_password=other"))
}
