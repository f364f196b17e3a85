package session_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"sidegate/session"
	"sidegate/session/sessiontest"
)

func TestMemoryKeepsTheStoreContract(t *testing.T) {
	sessiontest.TestStore(t, func(*testing.T) session.Store { return session.NewMemory(10_000) })
}

func TestAFullMemoryAnswersErrFullAndKeepsWhatItHas(t *testing.T) {
	m := session.NewMemory(2)
	defer m.Close()
	ctx, x := t.Context(), []byte("x")
	for _, key := range []string{"a", "b"} {
		if err := m.Put(ctx, key, x, time.Hour); err != nil {
			t.Fatalf("Put(%s): %v", key, err)
		}
	}
	if err := m.Put(ctx, "c", x, time.Hour); !errors.Is(err, session.ErrFull) {
		t.Errorf("Put into a full store = %v, want ErrFull", err)
	}
	if ok, err := m.PutIfAbsent(ctx, "c", x, time.Hour); ok || !errors.Is(err, session.ErrFull) {
		t.Errorf("PutIfAbsent into a full store = %v, %v; want false, ErrFull", ok, err)
	}
	if _, err := m.Get(ctx, "c"); !errors.Is(err, session.ErrNone) {
		t.Errorf("Get of what did not fit = %v, want ErrNone", err)
	}
	// What is there can be written over, however full the store is.
	if err := m.Put(ctx, "a", []byte("y"), time.Hour); err != nil {
		t.Errorf("Put over a record in a full store: %v", err)
	}
	if err := m.Replace(ctx, "b", []byte("y"), time.Hour); err != nil {
		t.Errorf("Replace in a full store: %v", err)
	}
	if err := m.Revoke(ctx, "a"); err != nil {
		t.Fatalf("Revoke: %v", err)
	}
	if err := m.Put(ctx, "c", x, time.Hour); err != nil {
		t.Errorf("Put after Revoke made room: %v", err)
	}
}

func TestExpiredRecordsMakeRoomInAFullMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := session.NewMemory(2)
		defer m.Close()
		ctx, x := t.Context(), []byte("x")
		m.Put(ctx, "lasting", x, time.Second) // the first to expire, until it is renewed
		m.Put(ctx, "passing", x, 2*time.Second)
		m.Put(ctx, "lasting", x, time.Hour)
		time.Sleep(2 * time.Second)
		if err := m.Put(ctx, "new", x, time.Hour); err != nil {
			t.Errorf("Put = %v, want room from the expired record", err)
		}
		if _, err := m.Get(ctx, "lasting"); err != nil {
			t.Errorf("Get(lasting) = %v", err)
		}
	})
}

func TestTheZeroMemoryIsFull(t *testing.T) {
	var m session.Memory
	if err := m.Put(t.Context(), "a", nil, time.Hour); !errors.Is(err, session.ErrFull) {
		t.Errorf("Put = %v, want ErrFull", err)
	}
	if _, err := m.Get(t.Context(), "a"); !errors.Is(err, session.ErrNone) {
		t.Errorf("Get = %v, want ErrNone", err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// An idle server, too, must give the memory of expired records back.
func TestMemoryFreesExpiredRecordsWithoutBeingUsed(t *testing.T) {
	const size, n = 1 << 10, 20_000 // 20 MiB; more than one batch
	live := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	synctest.Test(t, func(t *testing.T) {
		m := session.NewMemory(n)
		defer m.Close()
		value := make([]byte, size)
		for i := range n {
			if err := m.Put(t.Context(), fmt.Sprint(i), value, time.Minute); err != nil {
				t.Fatalf("Put: %v", err)
			}
		}
		before := live()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if after := live(); after+size*n/2 > before {
			t.Errorf("heap %d bytes before the records expired, %d after", before, after)
		}
	})
}

// A timer that is still armed would keep the closed store, and all it holds,
// from being collected.
func TestCloseEndsTheSweeping(t *testing.T) {
	m := session.NewMemory(10)
	for range 2 {
		if err := m.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	kept := weak.Make(m)
	m = nil
	for giveUp := time.Now().Add(5 * time.Second); kept.Value() != nil; runtime.GC() {
		if time.Now().After(giveUp) {
			t.Fatal("a closed store is still held by something")
		}
	}
}

func TestAClosedMemoryFailsInsteadOfAnsweringAbsence(t *testing.T) {
	m := session.NewMemory(10)
	m.Close()
	_, err := m.Get(t.Context(), "a")
	if err == nil || errors.Is(err, session.ErrNone) || !strings.Contains(err.Error(), "closed") {
		t.Errorf("Get after Close = %v, want that the store is closed", err)
	}
	if err := m.Put(t.Context(), "a", nil, time.Hour); err == nil {
		t.Error("Put after Close: no error")
	}
}
