package session

import (
	"context"
	"errors"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// slowPut is a store whose Put waits.
type slowPut struct {
	*counted
	before func()
}

func (s *slowPut) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if s.before != nil {
		s.before()
	}
	return s.counted.Put(ctx, key, value, ttl)
}

// SEC-OUT-04: a list of sessions that is read while somebody signs in must not take
// the new session out of reach of revocation.
func TestASessionThatIsBeingMadeStaysInTheIndex(t *testing.T) {
	store := &slowPut{counted: newCounted(t)}
	r := newReplica(t, store, day)
	store.before = func() {
		if _, err := r.Sessions(t.Context(), alice()); err != nil { // the account page, elsewhere
			t.Error(err)
		}
	}
	c := r.signIn(alice())
	n, err := r.EndSubject(t.Context(), alice().Issuer, alice().Subject)
	if err != nil || n != 1 {
		t.Errorf("%d sessions ended everywhere, %v; want 1", n, err)
	}
	r.wants(c, ErrNone, "after signing out everywhere")
}

// SEC-CFG-06: activity does not carry a session over from a secret that was retired.
func TestActivityDoesNotSaveASessionFromARetiredSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, newCounted(t), day)
		c := r.signIn(alice())
		synctest.Wait()
		time.Sleep(2 * time.Minute)
		held := r.wants(c, nil, "before") // as an open WebSocket holds it
		if err := r.Keys.Replace(secretB); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Touch(t.Context(), held); !errors.Is(err, ErrNone) { // a frame, before Doubt gets to it
			t.Errorf("Touch: %v, want %v", err, ErrNone)
		}
		r.Doubt(t.Context())
		r.wants(c, ErrNone, "after the secret was retired")
	})
}

// A feed that is back has every open connection looked at, also when the store
// does not answer in the first moment.
func TestEveryConnectionIsLookedAtOnceTheFeedIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		other := newReplica(t, store, day)
		c := other.signIn(alice())
		deaf := &counted{Memory: store.Memory, feed: make(chan Notice)}
		r := newReplica(t, deaf, day)
		deaf.feed <- Notice{Up: true}
		closed := false
		r.Live.Add(r.wants(c, nil, "before"), func(Reason) { closed = true })
		deaf.feed <- Notice{}
		if _, err := other.EndSubject(t.Context(), alice().Issuer, alice().Subject); err != nil {
			t.Fatal(err)
		}
		deaf.fail.Store(true)
		time.Sleep(5 * time.Second)
		deaf.feed <- Notice{Up: true}
		time.Sleep(300 * time.Millisecond)
		deaf.fail.Store(false)
		time.Sleep(time.Hour)
		synctest.Wait() // also for the race detector
		if !closed {
			t.Error("a WebSocket of a revoked session is still open an hour after feed and store are back")
		}
	})
}

func TestAFlappingFeedMakesNoPile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &counted{Memory: NewMemory(1000), feed: make(chan Notice)}
		defer store.Close()
		m := NewManager(Options{Store: store, Keys: keys(t, secretA), Live: &Live{}, Audience: public, Limits: day, Now: time.Now})
		r := replica{m, t}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go m.Follow(ctx, func(bool, error) {})
		store.feed <- Notice{Up: true}
		for range 50 {
			c := r.signIn(alice())
			r.Live.Add(r.wants(c, nil, "before"), func(Reason) {})
		}
		synctest.Wait()
		before := runtime.NumGoroutine()
		gets := store.gets.Load()
		for range 600 { // a minute
			store.feed <- Notice{}
			time.Sleep(95 * time.Millisecond)
			store.feed <- Notice{Up: true}
			time.Sleep(5 * time.Millisecond)
		}
		t.Logf("%d goroutines more, %d reads", runtime.NumGoroutine()-before, store.gets.Load()-gets)
		if n := runtime.NumGoroutine() - before; n > 10 {
			t.Errorf("%d goroutines more after a minute", n)
		}
		close(store.feed)
	})
}

// SEC-OUT-06: who is told that they are signed out is, also where the record cannot
// be opened (a secret this process does not have yet).
func TestSigningOutEndsWhatCannotBeOpened(t *testing.T) {
	store := newCounted(t)
	r, ahead := newReplica(t, store, day), newReplica(t, store, day)
	ahead.Keys = keys(t, secretB, secretA)
	ahead.sealer.keys = ahead.Keys
	c := ahead.signIn(alice())
	w := httptest.NewRecorder()
	if _, err := r.End(w, request(c)); err != nil {
		t.Fatal(err)
	}
	for giveUp := time.Now().Add(5 * time.Second); time.Now().Before(giveUp); time.Sleep(time.Millisecond) {
		if _, err := ahead.Find(request(c)); errors.Is(err, ErrNone) {
			return
		}
	}
	t.Error("who was told that they are signed out is not")
}

// farAway is a store whose reads take a while.
type farAway struct{ *Memory }

func (f farAway) Get(ctx context.Context, key string) ([]byte, error) {
	select {
	case <-time.After(5 * time.Millisecond):
		return f.Memory.Get(ctx, key)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// SEC-OUT-04: somebody who signed in very often can be signed out in the ten
// seconds that a provider's notice has, or at least when it is sent again.
func TestVeryManySessionsOfAPersonCanBeEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := farAway{NewMemory(10_000)}
		defer store.Close()
		r := newReplica(t, store, day)
		for range 3000 {
			r.signIn(alice())
		}
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			r.EndSubject(ctx, alice().Issuer, alice().Subject)
			cancel()
		}
		left := 0
		r.Each(t.Context(), func(Info) error { left++; return nil })
		if left > 0 {
			t.Errorf("%d of 3000 sessions are left after three attempts", left)
		}
	})
}

// A failover of Redis can bring a record back that was deleted a moment before: who
// heard of the revocation lets nobody in by it.
func TestARecordThatComesBackLetsNobodyIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		a, b := newReplica(t, store, day), newReplica(t, store, day)
		c := a.signIn(alice())
		token, _ := ParseToken(c.Value)
		value, err := store.Memory.Get(t.Context(), token.key(public))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.End(httptest.NewRecorder(), request(c)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := store.Put(t.Context(), token.key(public), value, time.Hour); err != nil {
			t.Fatal(err)
		}
		a.wants(c, ErrNone, "where it was ended")
		b.wants(c, ErrNone, "at the other replica")
	})
}

// A store that is full has answered: nothing is in trouble.
func TestAFullStoreIsNotInTrouble(t *testing.T) {
	r := newReplica(t, NewMemory(1), day)
	if _, err := r.Create(httptest.NewRecorder(), request(), SignIn{Identity: alice()}); !errors.Is(err, ErrFull) {
		t.Fatalf("Create: %v, want ErrFull", err)
	}
	if r.copies.troubled() {
		t.Error("a full store was taken for one in trouble")
	}
}
