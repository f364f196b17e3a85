package demo

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestExpiringForgetsAtItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newExpiring[int](time.Minute, 10)
		e.put("a", 1)
		time.Sleep(time.Minute - time.Nanosecond)
		if _, ok := e.get("a"); !ok {
			t.Error("entry gone before its age")
		}
		time.Sleep(time.Nanosecond)
		if _, ok := e.get("a"); ok {
			t.Error("get: entry still there at its age")
		}
		if _, ok := e.take("a"); ok {
			t.Error("take: entry still there at its age")
		}
	})
}

func TestExpiringHoldsNoMoreThanMaxAndDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newExpiring[int](time.Minute, 3)
		for i := range 5 {
			e.put(strconv.Itoa(i), i)
			time.Sleep(time.Millisecond)
		}
		if got, want := len(e.entries), 3; got != want {
			t.Errorf("got %d entries, want %d", got, want)
		}
		for i, want := range []bool{false, false, true, true, true} {
			if _, got := e.get(strconv.Itoa(i)); got != want {
				t.Errorf("entry %d: got %v, want %v", i, got, want)
			}
		}
	})
}

func TestExpiringIsTakenByOneCallerOnly(t *testing.T) {
	e := newExpiring[int](time.Minute, 10)
	e.put("a", 1)
	var taken atomic.Int32
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			if _, ok := e.take("a"); ok {
				taken.Add(1)
			}
		})
	}
	callers.Wait()
	if got := taken.Load(); got != 1 {
		t.Errorf("got taken %d times, want 1", got)
	}
}
