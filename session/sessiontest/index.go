package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/session"
)

// wantMembers checks who is in a group.
func (f fixture) wantMembers(group string, want ...string) {
	f.t.Helper()
	got, err := f.store.Members(f.t.Context(), group)
	if err != nil {
		f.t.Fatalf("Members: %v", err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		f.t.Errorf("Members = %q, want %q", got, want)
	}
}

func (f fixture) join(group, key string, ttl time.Duration) {
	f.t.Helper()
	if err := f.store.Join(f.t.Context(), group, key, ttl); err != nil {
		f.t.Fatalf("Join: %v", err)
	}
}

func (f fixture) leave(group string, keys ...string) {
	f.t.Helper()
	if err := f.store.Leave(f.t.Context(), group, keys...); err != nil {
		f.t.Errorf("Leave: %v", err)
	}
}

func testGroups(t *testing.T, f fixture) {
	group, other, a, b, c := newKey(), newKey(), newKey(), newKey(), newKey()
	f.wantMembers(group)
	f.join(group, a, never)
	f.join(group, b, never)
	f.join(group, b, never)
	f.join(group, c, never)
	f.join(other, a, never)
	f.join(group+"x", c, never)
	f.wantMembers(group, a, b, c)
	f.leave(group, a, c, newKey())
	f.wantMembers(group, b)
	f.wantMembers(other, a)
	f.wantMembers(group+"x", c)
	f.leave(newKey(), a)
	f.leave(group, b)
	f.wantMembers(group)
	// A membership is no record, and a record no membership.
	f.join(group, a, never)
	f.wantNone(a)
	f.wantNone(group)
	f.put(b, "x", never)
	f.wantMembers(group, a)
	// Nor does a record's key ever name a group's place.
	for _, key := range []string{group, "group:" + group, ":group:" + group, "groups:" + group} {
		f.put(key, "x", never)
		f.want(key, "x")
	}
	f.join(group, b, never)
	f.wantMembers(group, a, b)
}

func testMembershipEnds(t *testing.T, f fixture) {
	group, passing, longer, shorter := newKey(), newKey(), newKey(), newKey()
	f.join(group, longer, soon)
	f.join(group, longer, never)
	f.join(group, shorter, never)
	f.join(group, shorter, soon) // never shorter
	f.join(group, passing, soon)
	f.outlive()
	f.wantMembers(group, longer, shorter)
	alone := newKey()
	f.join(alone, passing, soon)
	f.outlive()
	f.wantMembers(alone)
	for _, ttl := range []time.Duration{0, -time.Second} {
		if err := f.store.Join(t.Context(), group, newKey(), ttl); err == nil {
			t.Errorf("Join for %v: no error", ttl)
		}
	}
	f.wantMembers(group, longer, shorter)
}

func testJoinTogether(t *testing.T, f fixture) {
	group := newKey()
	var want []string
	for i := range 40 {
		want = append(want, fmt.Sprint(group, " member ", i))
	}
	f.together(len(want), func(i int) {
		if err := f.store.Join(t.Context(), group, want[i], never); err != nil {
			t.Errorf("Join: %v", err)
		}
	})
	f.wantMembers(group, want...)
}

func testEach(t *testing.T, f fixture) {
	prefix := newKey() + "*[?]" // none of it is a pattern
	want := make(map[string]string)
	for i := range 1100 {
		key := fmt.Sprint(prefix, i)
		want[key] = fmt.Sprint("value ", i)
		f.put(key, want[key], never)
	}
	f.put(newKey(), "of somebody else", never)
	f.put(strings.Replace(prefix, "*", "x", 1), "not ours", never)
	f.join(prefix, newKey(), never)
	passed := prefix + "passed"
	f.put(passed, "x", soon)
	f.outlive()
	got := make(map[string]string)
	err := f.store.Each(t.Context(), prefix, func(key string, value []byte) error {
		got[key] = string(value)
		return nil
	})
	if err != nil {
		t.Fatalf("Each: %v", err)
	}
	for key, value := range want {
		if got[key] != value {
			t.Fatalf("Each visits %q with %q, want %q", key, got[key], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("Each visits %d records, want %d", len(got), len(want))
	}
	stop, visits := errors.New("enough"), 0
	err = f.store.Each(t.Context(), prefix, func(key string, _ []byte) error {
		visits++
		f.delete(key) // other methods may be called
		return stop
	})
	if !errors.Is(err, stop) || visits != 1 {
		t.Errorf("Each = %v after %d visits, want the visitor's error after 1", err, visits)
	}
}

// feed starts listening and returns once the feed is up.
func (f fixture) feed(ctx context.Context) <-chan session.Notice {
	f.t.Helper()
	notices := f.store.Revoked(ctx)
	select {
	case n := <-notices:
		if !n.Up || len(n.Keys) > 0 {
			f.t.Fatalf("first notice = %+v, want that the feed is up", n)
		}
	case <-time.After(10 * time.Second):
		f.t.Fatal("the feed does not come up")
	}
	return notices
}

// hears waits until keys were told, with others perhaps.
func (f fixture) hears(notices <-chan session.Notice, keys ...string) {
	f.t.Helper()
	missing := make(map[string]bool)
	for _, key := range keys {
		missing[key] = true
	}
	late := time.After(10 * time.Second)
	for len(missing) > 0 {
		select {
		case n, ok := <-notices:
			if !ok || !n.Up {
				f.t.Fatalf("notice %+v (%v) with the store in order", n, ok)
			}
			for _, key := range n.Keys {
				delete(missing, key)
			}
		case <-late:
			f.t.Fatalf("%d revocations were never told", len(missing))
		}
	}
}

func testFeed(t *testing.T, f fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	a, b := f.feed(ctx), f.feed(t.Context())
	there, absent, blank := newKey(), newKey(), newKey()+" with blanks"
	f.put(there, "x", never)
	if err := f.store.Revoke(t.Context(), there, absent, blank); err != nil {
		t.Fatalf("Revoke: %v", err)
	}
	f.wantNone(there)
	f.hears(a, there, absent, blank)
	f.hears(b, there, absent, blank)

	cancel()
	for range a { // closed soon
	}
	f.delete(there)
	f.hears(b, there)
	if err := f.store.Revoke(t.Context()); err != nil {
		t.Errorf("Revoke of nothing = %v", err)
	}

	var many []string
	for range 2000 {
		many = append(many, newKey())
	}
	f.put(many[1999], "x", never)
	var revoking sync.WaitGroup
	revoking.Go(func() {
		if err := f.store.Revoke(t.Context(), many...); err != nil {
			t.Errorf("Revoke of many: %v", err)
		}
	})
	f.hears(b, many...)
	revoking.Wait() // or the test's end takes its context away
	f.wantNone(many[1999])
}
