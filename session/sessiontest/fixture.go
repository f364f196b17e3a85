package sessiontest

import (
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"sidegate/session"
)

// fixture is a store under test, with calls that must succeed.
type fixture struct {
	t     *testing.T
	store session.Store
}

// newKey returns a key that nobody has used, of both cases.
func newKey() string { return "Key-" + rand.Text() }

// outlive returns once a record stored now with lifetime soon is gone. Records
// stored earlier with that lifetime are gone then too, unread, so that the test's
// next call is the first to meet them.
func (f fixture) outlive() {
	f.t.Helper()
	key := newKey()
	f.put(key, "x", soon)
	giveUp := time.Now().Add(5 * time.Second)
	for {
		_, err := f.store.Get(f.t.Context(), key)
		if errors.Is(err, session.ErrNone) {
			return
		}
		if err != nil {
			f.t.Fatalf("Get: %v", err)
		}
		if time.Now().After(giveUp) {
			f.t.Fatalf("a record with a lifetime of %v is still there", soon)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// beforeExpiry stores a record with lifetime soon and calls do, which reports
// whether it met the record alive. A busy machine gets some more tries.
func (f fixture) beforeExpiry(key string, do func() bool) {
	f.t.Helper()
	for range 20 {
		f.put(key, "x", soon)
		if do() {
			return
		}
	}
	f.t.Errorf("a record was never met alive within its lifetime of %v", soon)
}

// together runs f(0) to f(n-1) at the same time, and waits for all.
func (f fixture) together(n int, do func(i int)) {
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			do(i)
		})
	}
	close(start)
	all.Wait()
}

func (f fixture) put(key, value string, ttl time.Duration) {
	f.t.Helper()
	if err := f.store.Put(f.t.Context(), key, []byte(value), ttl); err != nil {
		f.t.Fatalf("Put(%q): %v", key, err)
	}
}

func (f fixture) replace(key, value string, ttl time.Duration) {
	f.t.Helper()
	if err := f.store.Replace(f.t.Context(), key, []byte(value), ttl); err != nil {
		f.t.Fatalf("Replace(%q): %v", key, err)
	}
}

// delete may run in a goroutine of its own: it does not stop the test.
func (f fixture) delete(key string) {
	f.t.Helper()
	if err := f.store.Revoke(f.t.Context(), key); err != nil {
		f.t.Errorf("Revoke(%q): %v", key, err)
	}
}

func (f fixture) get(key string) []byte {
	f.t.Helper()
	value, err := f.store.Get(f.t.Context(), key)
	if err != nil {
		f.t.Fatalf("Get(%q): %v", key, err)
	}
	return value
}

func (f fixture) want(key, want string) {
	f.t.Helper()
	if got := string(f.get(key)); got != want {
		f.t.Errorf("Get(%q) = %.60q (%d bytes), want %.60q (%d bytes)", key, got, len(got), want, len(want))
	}
}

func (f fixture) wantNone(key string) {
	f.t.Helper()
	value, err := f.store.Get(f.t.Context(), key)
	if !errors.Is(err, session.ErrNone) || len(value) > 0 {
		f.t.Errorf("Get(%q) = %.60q, %v; want ErrNone", key, value, err)
	}
}

func (f fixture) wantClaim(key, value string, ttl time.Duration, want bool) {
	f.t.Helper()
	got, err := f.store.PutIfAbsent(f.t.Context(), key, []byte(value), ttl)
	if err != nil || got != want {
		f.t.Errorf("PutIfAbsent(%q) = %v, %v; want %v, nil", key, got, err, want)
	}
}
