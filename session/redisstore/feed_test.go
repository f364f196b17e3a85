package redisstore_test

import (
	"context"
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
			if revoke > 5*time.Second { // a second is the aim, and this machine may be busy
				t.Errorf("Revoke took %v, want about a second", revoke)
			}
			left := 0
			if err := s.Each(t.Context(), "", func(string, []byte) error { left++; return nil }); err != nil || left > 0 {
				t.Errorf("%d records are left, %v", left, err)
			}
		})
	}
}

// A feed that is cut again and again is not opened as often: each return costs a look
// at every session that has open connections.
func TestAFlappingFeedTakesPauses(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	s := open(t, r.URL)
	returns := 0
	notices := s.Revoked(t.Context())
	stop := time.After(4 * time.Second)
	for over := false; !over; {
		select {
		case n := <-notices:
			if n.Up {
				returns++
				r.Do("CLIENT", "KILL", "TYPE", "pubsub")
			}
		case <-stop:
			over = true
		}
	}
	t.Logf("the feed came back %d times in 4 s of being cut at once", returns)
	if returns < 3 || returns > 15 {
		t.Errorf("it came back %d times, want it to try on, with pauses", returns)
	}
}
