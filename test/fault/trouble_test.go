package fault

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidegate/session/sessiontest"
	"sidegate/test/rig"
)

// FLT-08: Redis loses everything. Everybody signs in once more and goes on; nobody
// sees an error, nobody goes in circles.
func TestAfterRedisLostEverythingEverybodySignsInOnce(t *testing.T) {
	t.Parallel()
	redis := sessiontest.Redis(t)
	s := newSite(t, settings{"SESSION_STORE": redis.URL, "SESSION_IDLE": "20s"}) // activity is written every second, and finds out
	a, b := s.replica(nil), s.replica(nil)
	people := crowd(t, 60, a.door, b.door)
	wantServed(t, people, b.door, a.door)
	redis.Do("FLUSHALL")
	var logins, errs counter
	err := together(len(people), people, func(i int, p *person) error {
		doors := []*door{a.door, b.door}
		mine := 0
		for n, end := i, time.Now().Add(12*time.Second); time.Now().Before(end); n++ {
			got, err := doors[n%2].ask(t.Context(), p, pageLoad, "/who?n=1")
			switch {
			case err != nil || got.StatusCode >= 500:
				errs.Add(1)
			case got.StatusCode == http.StatusFound: // where the browser goes by itself
				mine++
				if err := p.signIn(t.Context(), doors[n%2]); err != nil {
					return err
				}
			case got.body != whoSays(p.email, "1"):
				return fmt.Errorf("%s got %s %.100q", p.name, got.Status, got.body)
			}
			time.Sleep(200 * time.Millisecond)
		}
		logins.Add(int64(mine))
		if mine > 1 {
			return fmt.Errorf("%s had to sign in %d times", p.name, mine)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	lost := wantServed(t, people, a.door, b.door)
	t.Logf("FLT-08: sign-ins %d for %d people, errors %d, not served %d", logins.Load(), len(people), errs.Load(), lost)
	if logins.Load() != int64(len(people)) {
		t.Errorf("%d sign-ins, want one for each of %d people", logins.Load(), len(people))
	}
	if errs.Load() > 0 {
		t.Errorf("%d errors after Redis lost everything", errs.Load())
	}
}

// FLT-09: Redis takes no more writes: it is out of memory, or cannot save. Who is
// signed in goes on, a sign-in is refused with 503 and the reason in the log, and
// nothing half done is left behind.
func TestARedisThatTakesNoWritesServesWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]func(t *testing.T, redis *sessiontest.RedisServer) (mend func()){
		"out of memory": func(_ *testing.T, redis *sessiontest.RedisServer) func() {
			redis.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
			redis.Do("CONFIG", "SET", "maxmemory", "1")
			return func() { redis.Do("CONFIG", "SET", "maxmemory", "0") }
		},
		"it cannot save": cannotSave,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := sessiontest.Redis(t, "--enable-protected-configs", "yes")
			s := newSite(t, settings{"SESSION_STORE": redis.URL, "SESSION_IDLE": "40s"}) // activity is written every 2 s
			a, b := s.replica(nil), s.replica(nil)
			people := crowd(t, 30, a.door, b.door)
			wantServed(t, people, a.door, b.door)
			open := openSockets(t, 30, people, a.door, b.door)
			records := len(sessionKeys(redis))
			mend := cause(t, redis)
			load := startLoad(t, people, 100, a.door, b.door)
			refused := 0
			for i := range 10 {
				p := newPerson(fmt.Sprintf("late-%d", i))
				callback, err := p.begin(t.Context(), a.door)
				if err != nil {
					t.Fatal(err)
				}
				got, err := a.ask(t.Context(), p, pageLoad, callback)
				if err != nil || got.StatusCode != http.StatusServiceUnavailable || len(got.Cookies()) > 0 {
					t.Errorf("a sign-in ended with %v, cookies %v (%v), want 503 and none", got.Status, got.Cookies(), err)
					continue
				}
				refused++
				time.Sleep(500 * time.Millisecond)
			}
			during := load.stop()
			left := len(sessionKeys(redis)) - records
			dropped := open.wantUntouched("without writes")
			mend()
			rig.Eventually(t, func() string { return "no sign-in once Redis takes writes again" }, func() bool {
				return newPerson("later").signIn(t.Context(), a.door) == nil
			})
			endless := withoutLifetime(redis)
			t.Logf("FLT-09: %s: %v, sockets dropped %d, sign-ins refused %d of 10, half sessions %d, records without lifetime %d",
				name, during, dropped, refused, left, endless)
			during.wantFlawless(t, name)
			if left > 0 || endless > 0 {
				t.Errorf("%d half sessions, %d records without lifetime", left, endless)
			}
			if log := a.Output.String(); !strings.Contains(log, "full") && !strings.Contains(log, "OOM") && !strings.Contains(log, "MISCONF") {
				t.Errorf("the log does not say why:\n%s", a.Output.Tail(2<<10))
			}
		})
	}
}

// cannotSave takes the directory away into which Redis saves: as with a full or a
// failing disk, it then refuses writes.
func cannotSave(t *testing.T, redis *sessiontest.RedisServer) func() {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	redis.Do("CONFIG", "SET", "dir", dir)
	redis.Do("CONFIG", "SET", "save", "3600 1")
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	redis.Do("BGSAVE")
	rig.Eventually(t, func() string { return "Redis saved" }, func() bool {
		return strings.Contains(redis.Do("INFO", "persistence"), "rdb_last_bgsave_status:err")
	})
	return func() { redis.Do("CONFIG", "SET", "save", "") }
}

// sessionKeys are the records of sessions, without those of spent sign-ins and the
// like.
func sessionKeys(redis *sessiontest.RedisServer) (keys []string) {
	for _, key := range strings.Fields(redis.Do("KEYS", "*")) {
		if strings.Contains(key, "s:") && !strings.Contains(key, "group:") {
			keys = append(keys, key)
		}
	}
	return keys
}

// withoutLifetime counts the records that would stay for ever.
func withoutLifetime(redis *sessiontest.RedisServer) (n int) {
	for _, key := range strings.Fields(redis.Do("KEYS", "*")) {
		if redis.Do("PTTL", key) == "-1" {
			n++
		}
	}
	return n
}

// FLT-10: the password of Redis is rotated. Open connections go on; when they are
// gone /readyz says what is missing, people with a session notice nothing, and the
// new password is picked up from its file.
func TestARotatedRedisPasswordIsPickedUp(t *testing.T) {
	t.Parallel()
	redis := sessiontest.Redis(t)
	user := func(password string) {
		redis.Do("ACL", "SETUSER", "gate", "reset", "on", ">"+password, "~*", "&*", "+@all")
	}
	file := filepath.Join(t.TempDir(), "store")
	write := func(password string) {
		u, _ := url.Parse(redis.URL)
		u.User = url.UserPassword("gate", password)
		if err := os.WriteFile(file, []byte(u.String()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	user("the-first-password")
	write("the-first-password")
	s := newSite(t, settings{"SESSION_STORE_FILE": file})
	a, b := s.replica(nil), s.replica(nil)
	people := crowd(t, 30, a.door, b.door)
	wantServed(t, people, a.door)
	wantServed(t, people, b.door)
	unknown := crowd(t, 1, a.door)[0]
	open := openSockets(t, 30, people, a.door, b.door)
	load := startLoad(t, people, 100, a.door, b.door)

	user("the-second-password")
	time.Sleep(time.Second)
	if err := unknown.served(t.Context(), b.door); err != nil {
		t.Errorf("over open connections: %v", err)
	}
	redis.Do("CLIENT", "KILL", "USER", "gate")
	degraded := time.Now()
	rig.Eventually(t, func() string { return "/readyz does not notice that the password is wrong" }, func() bool { return !a.ready() && !b.ready() })
	noticed := time.Since(degraded)
	time.Sleep(5 * time.Second)
	write("the-second-password")
	begin := time.Now()
	rig.Eventually(t, func() string { return "the new password is not picked up:\n" + a.Output.Tail(1<<10) }, func() bool { return a.ready() && b.ready() })
	picked := time.Since(begin)
	a.Alive(t)
	b.Alive(t)
	time.Sleep(time.Second)
	during := load.stop()
	dropped := open.wantUntouched("while the password was wrong")
	lost := wantServed(t, people, a.door, b.door) + wantServed(t, people, b.door, a.door)
	t.Logf("FLT-10: %v, sockets dropped %d, not ready %s after the connections went, new password in force %s after it was written, sessions lost %d",
		during, dropped, ms(noticed), ms(picked), lost)
	during.wantFlawless(t, "while the password was wrong")
	if picked > 10*time.Second {
		t.Errorf("the new password took %v; 5 s are promised, and this machine may be busy", picked)
	}
	for _, r := range []*replica{a, b} {
		if log := r.Output.String(); strings.Contains(log, "the-first-password") || strings.Contains(log, "the-second-password") {
			t.Error("a password is in the log")
		}
	}
}
