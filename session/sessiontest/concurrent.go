package sessiontest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"sidegate/session"
)

func testOneWinner(t *testing.T, f fixture) {
	const claims = 50
	key := newKey()
	var mu sync.Mutex
	var winners []string
	f.together(claims, func(i int) {
		value := fmt.Sprint("claim ", i)
		ok, err := f.store.PutIfAbsent(t.Context(), key, []byte(value), never)
		if err != nil {
			t.Errorf("PutIfAbsent: %v", err)
		}
		if ok {
			mu.Lock()
			defer mu.Unlock()
			winners = append(winners, value)
		}
	})
	if len(winners) != 1 {
		t.Fatalf("%d claims won (%q), want 1", len(winners), winners)
	}
	f.want(key, winners[0])
}

func testReplaceAgainstDelete(t *testing.T, f fixture) {
	for range 10 {
		key := newKey()
		f.put(key, "x", never)
		f.together(8, func(i int) {
			if i == 0 {
				f.delete(key)
				return
			}
			err := f.store.Replace(t.Context(), key, []byte("late"), never)
			if err != nil && !errors.Is(err, session.ErrNone) {
				t.Errorf("Replace: %v", err)
			}
		})
		f.wantNone(key)
	}
}

func testConcurrent(t *testing.T, f fixture) {
	keys := []string{newKey(), newKey(), newKey()}
	f.together(16, func(i int) {
		for n := range 25 {
			key := keys[(i+n)%len(keys)]
			value := bytes.Repeat([]byte{byte('a' + i)}, 1+100*(n%7))
			var err error
			switch (i + n) % 5 {
			case 0:
				err = f.store.Put(t.Context(), key, value, never)
			case 1:
				err = f.store.Replace(t.Context(), key, value, never)
			case 2:
				_, err = f.store.PutIfAbsent(t.Context(), key, value, never)
			case 3:
				err = f.store.Revoke(t.Context(), key)
			default:
				value, err = f.store.Get(t.Context(), key)
			}
			if err != nil && !errors.Is(err, session.ErrNone) {
				t.Errorf("simultaneous use: %v", err)
			}
			if len(slices.Compact(value)) > 1 {
				t.Error("a record mixes two values")
			}
		}
	})
}
