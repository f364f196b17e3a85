// Package sessiontest tests what keeps sessions: TestStore is the contract of
// session.Store as a test suite; Redis, Sentinel and Cluster run real Redis servers
// whose failures a test can cause.
package sessiontest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sidegate/session"
)

// TestStore checks the whole contract of session.Store. open returns a store for
// one subtest, which closes it; the records of other subtests may be in it.
func TestStore(t *testing.T, open func(t *testing.T) session.Store) {
	for _, c := range []struct {
		claim string
		test  func(*testing.T, fixture)
	}{
		{"absence is ErrNone", testAbsence},
		{"a record is what was last stored", testStored},
		{"a deleted record stays deleted", testDeleted},
		{"an expired record is gone for every method", testExpired},
		{"every write sets the lifetime anew", testRenewed},
		{"extending moves the end alone, and brings nothing back", testExtended},
		{"a record that was there keeps its value and lifetime", testPutIfAbsentKeeps},
		{"a lifetime that is not positive is refused", testLifetime},
		{"one of fifty simultaneous claims wins", testOneWinner},
		{"replacing never brings back what is deleted meanwhile", testReplaceAgainstDelete},
		{"the caller may change slices", testSlices},
		{"any printable key works", testKeys},
		{"any value up to MaxValue works", testValues},
		{"a call whose context has ended fails and is not absence", testContext},
		{"simultaneous use never mixes records", testConcurrent},
		{"a group has the members that joined and did not leave", testGroups},
		{"a membership ends in time, and joining again never shortens it", testMembershipEnds},
		{"of members that join together none is lost", testJoinTogether},
		{"each record under a prefix is visited", testEach},
		{"a revocation is told to all who listen", testFeed},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			c.test(t, fixture{t, s})
		})
	}
}

// Lifetimes: one that ends soon, and one that no test outlives.
const (
	soon  = 50 * time.Millisecond
	never = time.Hour
)

func testAbsence(t *testing.T, f fixture) {
	key := newKey()
	f.wantNone(key)
	if err := f.store.Replace(t.Context(), key, []byte("x"), never); !errors.Is(err, session.ErrNone) {
		t.Errorf("Replace of an absent record = %v, want ErrNone", err)
	}
	f.wantNone(key)
	if err := f.store.Revoke(t.Context(), key); err != nil {
		t.Errorf("Revoke of an absent record = %v, want nil", err)
	}
	f.wantNone(key)
}

func testStored(t *testing.T, f fixture) {
	key := newKey()
	f.put(key, "first", never)
	f.want(key, "first")
	f.put(key, "second, longer", never)
	f.want(key, "second, longer")
	f.replace(key, "third", never)
	f.want(key, "third")
	// Neighbours: a store must compare whole keys.
	f.wantNone(key + "x")
	f.wantNone(key[:len(key)-1])
	f.wantNone(strings.ToLower(key))
}

func testDeleted(t *testing.T, f fixture) {
	key, other := newKey(), newKey()
	f.put(key, "x", never)
	f.put(other, "y", never)
	f.delete(key)
	f.wantNone(key)
	f.want(other, "y")
	if err := f.store.Replace(t.Context(), key, []byte("late"), never); !errors.Is(err, session.ErrNone) {
		t.Errorf("Replace after Revoke = %v, want ErrNone", err)
	}
	f.wantNone(key)
	f.delete(key)
	f.wantClaim(key, "z", never, true)
	f.want(key, "z")
}

func testExpired(t *testing.T, f fixture) {
	read, replaced, claimed, deleted, stored := newKey(), newKey(), newKey(), newKey(), newKey()
	for _, key := range []string{read, replaced, claimed, deleted, stored} {
		f.put(key, "old", soon)
	}
	f.outlive()
	f.wantNone(read)
	if err := f.store.Replace(t.Context(), replaced, []byte("new"), never); !errors.Is(err, session.ErrNone) {
		t.Errorf("Replace of an expired record = %v, want ErrNone", err)
	}
	f.wantNone(replaced)
	f.wantClaim(claimed, "new", never, true)
	f.want(claimed, "new")
	f.delete(deleted)
	f.wantNone(deleted)
	f.put(stored, "new", never)
	f.want(stored, "new")
}

func testRenewed(t *testing.T, f fixture) {
	longPut, longReplace, shortPut, shortReplace := newKey(), newKey(), newKey(), newKey()
	f.beforeExpiry(longReplace, func() bool {
		return f.store.Replace(t.Context(), longReplace, []byte("x"), never) == nil
	})
	f.put(longPut, "x", soon)
	f.put(longPut, "x", never)
	f.put(shortPut, "x", never)
	f.put(shortPut, "x", soon)
	f.put(shortReplace, "x", never)
	f.replace(shortReplace, "x", soon)
	f.outlive()
	f.want(longPut, "x")
	f.want(longReplace, "x")
	f.wantNone(shortPut)
	f.wantNone(shortReplace)
}

func testExtended(t *testing.T, f fixture) {
	longer, shorter, gone := newKey(), newKey(), newKey()
	f.beforeExpiry(longer, func() bool { return f.store.Extend(t.Context(), longer, never) == nil })
	longest := f.get(longer)
	f.put(shorter, "short", never)
	if err := f.store.Extend(t.Context(), shorter, soon); err != nil {
		t.Errorf("Extend: %v", err)
	}
	f.put(gone, "gone", never)
	f.delete(gone)
	f.outlive()
	f.want(longer, string(longest))
	f.wantNone(shorter)
	for _, key := range []string{gone, shorter, newKey()} {
		if err := f.store.Extend(t.Context(), key, never); !errors.Is(err, session.ErrNone) {
			t.Errorf("Extend of what is not there: %v, want ErrNone", err)
		}
		f.wantNone(key)
	}
	for _, ttl := range []time.Duration{0, -time.Second} {
		if err := f.store.Extend(t.Context(), longer, ttl); err == nil || errors.Is(err, session.ErrNone) {
			t.Errorf("Extend for %v: %v", ttl, err)
		}
		f.want(longer, string(longest))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.store.Extend(ended, longer, never); err == nil || errors.Is(err, session.ErrNone) {
		t.Errorf("Extend in a context that has ended: %v", err)
	}
}

func testPutIfAbsentKeeps(t *testing.T, f fixture) {
	lasting, passing := newKey(), newKey()
	f.wantClaim(lasting, "first", never, true)
	f.wantClaim(lasting, "second", soon, false)
	f.beforeExpiry(passing, func() bool {
		won, err := f.store.PutIfAbsent(t.Context(), passing, []byte("second"), never)
		if won {
			f.delete(passing)
		}
		return err == nil && !won
	})
	f.outlive()
	f.want(lasting, "first")
	f.wantNone(passing)
	f.wantClaim(passing, "third", never, true)
}

// A lifetime of 0 means "for ever" to Redis: a session that never ends.
func testLifetime(t *testing.T, f fixture) {
	for _, ttl := range []time.Duration{0, -1, -time.Second} {
		key, kept := newKey(), newKey()
		f.put(kept, "kept", never)
		if err := f.store.Put(t.Context(), key, []byte("x"), ttl); err == nil {
			t.Errorf("Put with lifetime %v: no error", ttl)
		}
		if ok, err := f.store.PutIfAbsent(t.Context(), key, []byte("x"), ttl); err == nil || ok {
			t.Errorf("PutIfAbsent with lifetime %v = %v, %v; want an error", ttl, ok, err)
		}
		if err := f.store.Replace(t.Context(), kept, []byte("x"), ttl); err == nil || errors.Is(err, session.ErrNone) {
			t.Errorf("Replace with lifetime %v = %v, want an error other than ErrNone", ttl, err)
		}
		f.wantNone(key)
		f.want(kept, "kept")
	}
}

func testSlices(t *testing.T, f fixture) {
	put, claimed := newKey(), newKey()
	value := []byte("value")
	scribble := func(b []byte) { copy(b[:cap(b)], "!!!!!") }
	if err := f.store.Put(t.Context(), put, value, never); err != nil {
		t.Fatalf("Put: %v", err)
	}
	scribble(value)
	f.want(put, "value")

	value = []byte("other")
	if err := f.store.Replace(t.Context(), put, value, never); err != nil {
		t.Fatalf("Replace: %v", err)
	}
	scribble(value)
	f.want(put, "other")

	value = []byte("claim")
	if _, err := f.store.PutIfAbsent(t.Context(), claimed, value, never); err != nil {
		t.Fatalf("PutIfAbsent: %v", err)
	}
	scribble(value)
	f.want(claimed, "claim")

	scribble(f.get(put))
	f.want(put, "other")
}

func testKeys(t *testing.T, f fixture) {
	unique := newKey()
	odd := []string{
		" ", "~", `"`, `'; DROP TABLE sessions; --`, "*", "?", "[a-z]", "{tag}", "a b", "a:b", "../../etc/passwd",
		`\r\n`, "%00", "$5", "sidegate:", strings.Repeat("k", 128-len(unique)),
	}
	for i, k := range odd {
		f.put(unique+k, fmt.Sprint("value ", i), never)
	}
	for i, k := range odd {
		f.want(unique+k, fmt.Sprint("value ", i))
	}
	f.delete(unique + "*")
	for i, k := range odd {
		if k != "*" {
			f.want(unique+k, fmt.Sprint("value ", i))
		}
	}
	f.put(" ", "a single blank", never)
	f.want(" ", "a single blank")
}

func testValues(t *testing.T, f fixture) {
	large := make([]byte, session.MaxValue)
	rand.Read(large)
	for _, value := range [][]byte{{}, {0}, []byte("\r\n$-1\r\n"), {0xff, 0xfe, 0}, large} {
		key := newKey()
		f.put(key, string(value), never)
		f.want(key, string(value))
		f.replace(key, string(value), never)
		f.want(key, string(value))
	}
	key := newKey()
	if err := f.store.Put(t.Context(), key, nil, never); err != nil {
		t.Fatalf("Put of nil: %v", err)
	}
	f.want(key, "") // there, and empty: not ErrNone
	f.wantClaim(key, "x", never, false)
}

func testContext(t *testing.T, f fixture) {
	present, absent := newKey(), newKey()
	f.put(present, "x", never)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for name, ctx := range map[string]context.Context{"cancelled": cancelled, "past its deadline": late} {
		for _, key := range []string{present, absent} {
			_, getErr := f.store.Get(ctx, key)
			ok, claimErr := f.store.PutIfAbsent(ctx, key, []byte("y"), never)
			if ok {
				t.Errorf("context %s: PutIfAbsent reports that it stored", name)
			}
			for method, err := range map[string]error{
				"Get": getErr, "PutIfAbsent": claimErr,
				"Put":     f.store.Put(ctx, key, []byte("y"), never),
				"Replace": f.store.Replace(ctx, key, []byte("y"), never),
				"Revoke":  f.store.Revoke(ctx, key),
				"Join":    f.store.Join(ctx, key, key, never),
				"Leave":   f.store.Leave(ctx, key, key),
				"Each":    f.store.Each(ctx, key, func(string, []byte) error { return nil }),
			} {
				if err == nil || errors.Is(err, session.ErrNone) || errors.Is(err, session.ErrFull) {
					t.Errorf("context %s: %s = %v, want a failure", name, method, err)
				}
			}
		}
	}
}
