package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sidegate/identity"
)

// counted is a Memory that counts, fails and waits on demand.
type counted struct {
	*Memory
	gets, puts, replaces atomic.Int64
	fail                 atomic.Bool
	hold                 chan struct{} // a Get waits for it, when not nil
	feed                 chan Notice   // replaces Memory's, when not nil
}

var errDown = errors.New("store is down")

// hang is how long a failing store takes to fail.
const hang = 200 * time.Millisecond

func (c *counted) Get(ctx context.Context, key string) ([]byte, error) {
	c.gets.Add(1)
	if c.fail.Load() {
		time.Sleep(hang)
		return nil, errDown
	}
	value, err := c.Memory.Get(ctx, key)
	if c.hold != nil {
		<-c.hold
	}
	return value, err
}

func (c *counted) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	c.puts.Add(1)
	return c.Memory.Put(ctx, key, value, ttl)
}

func (c *counted) Replace(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	c.replaces.Add(1)
	if c.fail.Load() {
		time.Sleep(hang)
		return errDown
	}
	return c.Memory.Replace(ctx, key, value, ttl)
}

func (c *counted) Revoked(ctx context.Context) <-chan Notice {
	if c.feed != nil {
		return c.feed
	}
	return c.Memory.Revoked(ctx)
}

// replica is one process on a store that others may use.
type replica struct {
	*Manager
	t *testing.T
}

func newReplica(t *testing.T, store Store, limits Limits) replica {
	t.Helper()
	m := NewManager(Options{Store: store, Keys: keys(t, secretA), Live: &Live{}, Audience: public, Limits: limits, Now: time.Now})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	heard := make(chan bool, 10)
	go m.Follow(ctx, func(up bool, _ error) { heard <- up })
	if c, ok := store.(*counted); !ok || c.feed == nil {
		<-heard
	} else {
		t.Cleanup(func() { close(c.feed) })
	}
	return replica{m, t}
}

func newCounted(t *testing.T) *counted {
	c := &counted{Memory: NewMemory(1000)}
	t.Cleanup(func() { c.Close() })
	return c
}

func (r replica) signIn(id identity.Identity) *http.Cookie {
	r.t.Helper()
	w := httptest.NewRecorder()
	if _, err := r.Create(w, request(), SignIn{Identity: id}); err != nil {
		r.t.Fatal(err)
	}
	return w.Result().Cookies()[0]
}

func (r replica) wants(c *http.Cookie, want error, when string) Session {
	r.t.Helper()
	s, err := r.Find(request(c))
	if !errors.Is(err, want) || (want == nil) != (err == nil) {
		r.t.Fatalf("%s: %v, want %v", when, err, want)
	}
	return s
}

var day = Limits{Idle: 12 * time.Hour, Max: 168 * time.Hour, Grace: time.Minute}

// The hot path asks the store nothing while the copy is fresh; a busy session costs
// it one write a minute, and no read at all.
func TestABusySessionCostsOneWriteAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		r := newReplica(t, store, day)
		c := r.signIn(alice())
		synctest.Wait()
		for range 600 {
			time.Sleep(time.Second)
			s := r.wants(c, nil, "a busy session")
			if _, err := r.Touch(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		if gets, writes := store.gets.Load(), store.replaces.Load(); gets != 0 || writes > 10 {
			t.Errorf("600 requests in ten minutes: %d reads, %d writes; want none and at most 10", gets, writes)
		}
	})
}

// Ten tabs of somebody who was signed out long ago poll several times a second, all
// night, each with the old cookie. The store hears of it every five seconds.
func TestSleepingTabsCostTheStoreNextToNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		first := newReplica(t, store, day)
		c := first.signIn(alice())
		if _, err := first.EndSubject(t.Context(), alice().Issuer, alice().Subject); err != nil {
			t.Fatal(err)
		}
		r := newReplica(t, store, day) // started since: it knows of no revocation
		synctest.Wait()
		before := store.gets.Load()
		for range 60 * 10 {
			time.Sleep(100 * time.Millisecond)
			r.wants(c, ErrNone, "ended")
		}
		if n := store.gets.Load() - before; n < 10 || n > 13 {
			t.Errorf("600 requests of a minute: the store was asked %d times, want every 5 s", n)
		}
	})
}

func TestAnIdleCopyIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		r := newReplica(t, store, day)
		c := r.signIn(alice())
		synctest.Wait()
		time.Sleep(freshWithFeed - time.Second)
		r.wants(c, nil, "fresh")
		if n := store.gets.Load(); n != 0 {
			t.Fatalf("a fresh copy was read %d times", n)
		}
		time.Sleep(2 * time.Second)
		r.wants(c, nil, "stale")
		r.wants(c, nil, "fresh again")
		if n := store.gets.Load(); n != 1 {
			t.Errorf("a stale copy was read %d times, want once", n)
		}
	})
}

// SEC-SESS-16, FLT-29: who asks for one session at the same time shares one read,
// and one write.
func TestSimultaneousRequestsShareOneReadAndOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		c := newReplica(t, store, day).signIn(alice())
		other := newReplica(t, store, day)
		synctest.Wait()
		time.Sleep(2 * time.Minute) // its activity is due
		store.hold = make(chan struct{})
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				s, err := other.Find(request(c))
				if err != nil || s.Identity.Subject != "alice" {
					t.Errorf("%v, %v", s.Identity, err)
				}
				if _, err := other.Touch(t.Context(), s); err != nil {
					t.Errorf("Touch: %v", err)
				}
			})
		}
		synctest.Wait()
		close(store.hold)
		all.Wait()
		if gets, writes := store.gets.Load(), store.replaces.Load(); gets != 1 || writes != 1 {
			t.Errorf("100 at once: %d reads, %d writes; want one each", gets, writes)
		}
	})
}

// SEC-ISO-02: reads are shared by whole keys alone. Sessions are read together, in
// any order, and each is its owner's.
func TestSharedReadsNeverMixPeople(t *testing.T) {
	store := newCounted(t)
	first := newReplica(t, store, day)
	var cookies []*http.Cookie
	const people = 200
	for i := range people {
		cookies = append(cookies, first.signIn(identity.Identity{Issuer: "https://op.example", Subject: fmt.Sprint(i), Email: "x@example.com"}))
	}
	for range 5 {
		other := newReplica(t, store, day)
		var all sync.WaitGroup
		for worker := range 16 {
			all.Go(func() {
				for i := range people * 63 { // a million in all
					who := (i*7 + worker) % people
					s, err := other.Find(request(cookies[who]))
					if err != nil || s.Identity.Subject != fmt.Sprint(who) {
						t.Errorf("cookie of %d found %q, %v", who, s.Identity.Subject, err)
					}
				}
			})
		}
		all.Wait()
	}
}

// FLT-11: a browser that does not wait ends its own wait, not the read, and nothing
// is taken for absence or trouble.
func TestACallerWhoLeavesSpoilsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		c := newReplica(t, store, day).signIn(alice())
		other := newReplica(t, store, day)
		store.hold = make(chan struct{})
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := other.Find(request(c).WithContext(ctx)); !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if _, err := other.Find(request(c)); err != nil {
				t.Errorf("who stayed got %v", err)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		close(store.hold)
		all.Wait()
		other.wants(c, nil, "afterwards")
	})
}

// FLT-01: while the store is away known sessions go on for the grace and no longer;
// unknown ones are neither there nor absent.
func TestKnownSessionsOutliveTheStoresTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		store.feed = make(chan Notice)
		r := newReplica(t, store, day)
		known, unknown := r.signIn(alice()), newReplica(t, store.Memory, day).signIn(alice())
		store.feed <- Notice{Up: true}
		time.Sleep(time.Hour)
		r.wants(known, nil, "confirmed in good times")
		time.Sleep(time.Minute)

		store.fail.Store(true)
		store.feed <- Notice{}
		for range 11 {
			time.Sleep(5 * time.Second)
			s := r.wants(known, nil, "within the grace")
			if _, err := r.Touch(t.Context(), s); errors.Is(err, ErrNone) {
				t.Fatal("trouble was taken for absence")
			}
			r.wants(unknown, errDown, "a session that this process does not know")
		}
		time.Sleep(6 * time.Second)
		r.wants(known, errDown, "after the grace")

		store.fail.Store(false)
		store.feed <- Notice{Up: true}
		r.wants(known, nil, "when the store is back")
		r.wants(unknown, nil, "when the store is back")
	})
}

// FLT-02: a store that hangs is waited for once. From then on who is known passes at
// once, and the store is asked in the background whether it is back.
func TestNobodyWaitsForAStoreThatIsKnownToHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		r := newReplica(t, store, day)
		c, fresh := r.signIn(alice()), r.signIn(alice())
		time.Sleep(30 * time.Second)
		r.wants(fresh, nil, "")
		time.Sleep(freshWithFeed - 20*time.Second) // one is stale, the other not; both have activity to note
		store.fail.Store(true)
		for n := range 100 {
			start := time.Now()
			for _, c := range []*http.Cookie{c, fresh} {
				s := r.wants(c, nil, "known")
				if _, err := r.Touch(t.Context(), s); errors.Is(err, ErrNone) {
					t.Fatal("trouble was taken for absence")
				}
			}
			if took := time.Since(start); n > 0 && took > 0 {
				t.Fatalf("request %d waited %v for a store that hangs", n, took)
			}
			time.Sleep(100 * time.Millisecond)
		}
		store.fail.Store(false)
		time.Sleep(time.Second)
		r.wants(c, nil, "at the end of the trouble")
		synctest.Wait()
		if r.copies.troubled() {
			t.Error("it was not noticed that the store is back")
		}
	})
}

// With the feed cut the store is asked at once whether it is in trouble too: when the
// copies have to be read again, nobody waits even once.
func TestACutFeedTellsThatTheStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		store.feed = make(chan Notice)
		r := newReplica(t, store, day)
		store.feed <- Notice{Up: true}
		c := r.signIn(alice())
		store.fail.Store(true)
		store.feed <- Notice{}
		time.Sleep(freshWithout)
		start := time.Now()
		r.wants(c, nil, "known")
		if took := time.Since(start); took > 0 {
			t.Errorf("a request waited %v for a store that is known to hang", took)
		}
		store.fail.Store(false)
		time.Sleep(2 * probeStep)
		if r.copies.troubled() {
			t.Error("with nobody asking it is not noticed that the store is back")
		}
		store.feed <- Notice{Up: true}
		time.Sleep(2 * probeStep)
		before := store.gets.Load()
		time.Sleep(time.Minute)
		if n := store.gets.Load() - before; n > 0 {
			t.Errorf("with the feed up the store is asked on: %d times", n)
		}
	})
}

// Absence, outage and expiry are three things: a copy that has run out ends nothing
// by itself, as another replica may have noted activity.
func TestAnExpiredCopyIsNoAbsenceWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		limits := Limits{Idle: 2 * time.Minute, Max: time.Hour, Grace: time.Hour}
		a, b := newReplica(t, store, limits), newReplica(t, store, limits)
		c := a.signIn(alice())
		synctest.Wait()
		time.Sleep(110 * time.Second)
		if _, err := b.Touch(t.Context(), b.wants(c, nil, "at the other replica")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		store.fail.Store(true)
		a.wants(c, errDown, "expired here, alive elsewhere, nobody can say")
		store.fail.Store(false)
		a.wants(c, nil, "alive by what the other replica noted")
	})
}

// FLT-34, SEC-OUT-11: a revocation reaches the copies and connections of another
// replica at once while the feed is up, and within a few seconds where it is cut.
func TestARevocationReachesOtherReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		a, b := newReplica(t, store, day), newReplica(t, store, day)
		c, other := a.signIn(alice()), a.signIn(identity.Identity{Issuer: "https://op.example", Subject: "bob"})
		synctest.Wait()
		closed := 0
		b.Live.Add(b.wants(c, nil, "before"), func(why Reason) {
			if closed++; why != Ended() {
				t.Errorf("closed for %+v", why)
			}
		})
		b.wants(other, nil, "before")
		if _, err := a.End(httptest.NewRecorder(), request(c)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if closed != 1 {
			t.Errorf("%d connections of the other replica closed, want 1", closed)
		}
		b.wants(c, ErrNone, "after")
		b.wants(other, nil, "somebody else, after")
	})
}

func TestWithoutFeedACopyLivesSecondsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		a := newReplica(t, store, day)
		deaf := &counted{Memory: store.Memory, feed: make(chan Notice)}
		b := newReplica(t, deaf, day)
		c := a.signIn(alice())
		deaf.feed <- Notice{Up: true}
		b.wants(c, nil, "before")
		deaf.feed <- Notice{}
		if _, err := a.End(httptest.NewRecorder(), request(c)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(freshWithout)
		b.wants(c, ErrNone, "after the window")
	})
}

// A feed that is back may have missed something: copies of before are not trusted,
// and sessions with open connections are looked at again.
func TestAfterACutEverythingIsLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		a := newReplica(t, store, day)
		deaf := &counted{Memory: store.Memory, feed: make(chan Notice)}
		b := newReplica(t, deaf, day)
		gone, stays := a.signIn(alice()), a.signIn(alice())
		deaf.feed <- Notice{Up: true}
		closed := make(map[string]bool)
		for name, c := range map[string]*http.Cookie{"gone": gone, "stays": stays} {
			b.Live.Add(b.wants(c, nil, "before"), func(Reason) { closed[name] = true })
		}
		time.Sleep(10 * time.Second)
		deaf.feed <- Notice{}
		if _, err := a.End(httptest.NewRecorder(), request(gone)); err != nil {
			t.Fatal(err)
		}
		deaf.feed <- Notice{Up: true}
		synctest.Wait()
		if !closed["gone"] || closed["stays"] {
			t.Errorf("closed %v, want what was revoked alone", closed)
		}
		b.wants(gone, ErrNone, "after")
	})
}

// A read that was under way when the session was revoked must not bring it back.
func TestARevocationOvertakesAReadUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		c := newReplica(t, store, day).signIn(alice())
		slow := &counted{Memory: store.Memory, hold: make(chan struct{})}
		b := newReplica(t, slow, day)
		var all sync.WaitGroup
		all.Go(func() { b.wants(c, ErrNone, "a read that began before the revocation") })
		synctest.Wait() // the read has its answer, and is not back yet
		if _, err := newReplica(t, store, day).End(httptest.NewRecorder(), request(c)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		close(slow.hold)
		all.Wait()
		b.wants(c, ErrNone, "afterwards")
	})
}

func TestCopiesAreBounded(t *testing.T) {
	c := newCopies(time.Now)
	for i := range 5 * maxGeneration {
		key := fmt.Sprint(i)
		f, _ := c.join(key)
		c.land(key, f, Session{Expires: time.Now().Add(time.Hour)}, nil, c.begin(), 0)
	}
	if n := len(c.young) + len(c.old); n > 2*maxGeneration {
		t.Errorf("%d copies, want at most %d", n, 2*maxGeneration)
	}
	if len(c.flights) != 0 {
		t.Errorf("%d reads are still under way", len(c.flights))
	}
	if _, trust := c.look(fmt.Sprint(5*maxGeneration-1), 0); trust != standing {
		t.Error("the newest copy is gone")
	}
}
