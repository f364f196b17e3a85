package filestore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"sidegate/session"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "sessions"))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// entries counts what is in the file; records and places must agree.
func entries(t *testing.T, s *Store) int {
	t.Helper()
	var n int
	err := s.db.View(func(tx *bbolt.Tx) error {
		table := newTable(tx)
		n = table.records.Stats().KeyN
		if places := table.expiries.Stats().KeyN; places != n || table.records.Sequence() != uint64(n) {
			return fmt.Errorf("%d records, %d places, a count of %d", n, places, table.records.Sequence())
		}
		for err := range tx.Check() {
			return err
		}
		return nil
	})
	if err != nil {
		t.Errorf("the file is not sound: %v", err)
	}
	return n
}

// fill stores n records, all expired, in one commit.
func fill(t *testing.T, s *Store, n int) {
	t.Helper()
	err := s.do(t.Context(), func(table *table) error {
		table.now = table.now.Add(-time.Minute)
		for i := range n {
			if err := table.put(fmt.Append(nil, "expired ", i), nil, time.Second, maxRecords); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("fill: %v", err)
	}
}

func TestSweepingRemovesTheExpiredInBoundedBatches(t *testing.T) {
	s := newStore(t)
	s.Put(t.Context(), "lasting", []byte("x"), time.Hour)
	fill(t, s, 2*sweepBatch+10)
	for i, want := range []struct {
		left  int
		pause time.Duration
	}{{sweepBatch + 11, sweepPause}, {11, sweepPause}, {1, sweepEvery}, {1, sweepEvery}} {
		if pause := s.sweep(); pause != want.pause {
			t.Errorf("sweep %d comes back in %v, want %v", i, pause, want.pause)
		}
		if left := entries(t, s); left != want.left {
			t.Errorf("after sweep %d there are %d records, want %d", i, left, want.left)
		}
	}
	if _, err := s.Get(t.Context(), "lasting"); err != nil {
		t.Errorf("Get(lasting) after the sweep = %v", err)
	}
}

func TestEveryChangeKeepsRecordsAndPlacesTogether(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	for i := range 20 {
		key := fmt.Sprint(i)
		s.Put(ctx, key, []byte("a"), time.Hour)
		s.Put(ctx, key, []byte("b"), 2*time.Hour)
		s.Replace(ctx, key, []byte("c"), time.Minute)
		s.PutIfAbsent(ctx, key, []byte("d"), time.Hour)
		if i%2 == 0 {
			s.Revoke(ctx, key)
			s.Revoke(ctx, key)
		}
	}
	fill(t, s, 20)
	s.Put(ctx, "expired 1", nil, time.Hour)
	s.PutIfAbsent(ctx, "expired 2", nil, time.Hour)
	s.Revoke(ctx, "expired 3")
	if got := entries(t, s); got != 10+19 {
		t.Errorf("%d records, want 29", got)
	}
	s.sweep()
	if got := entries(t, s); got != 10+2 {
		t.Errorf("%d records after the sweep, want 12", got)
	}
}

func TestAFullFileAnswersErrFullUntilRecordsExpire(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	s.max = 3
	fill(t, s, 3)
	for _, key := range []string{"a", "b", "c"} {
		if err := s.Put(ctx, key, nil, time.Hour); err != nil {
			t.Errorf("Put(%s) = %v, want room from expired records", key, err)
		}
	}
	if err := s.Put(ctx, "d", nil, time.Hour); !errors.Is(err, session.ErrFull) {
		t.Errorf("Put = %v, want ErrFull", err)
	}
	if ok, err := s.PutIfAbsent(ctx, "d", nil, time.Hour); ok || !errors.Is(err, session.ErrFull) {
		t.Errorf("PutIfAbsent = %v, %v; want false, ErrFull", ok, err)
	}
	if err := s.Put(ctx, "a", []byte("x"), time.Hour); err != nil {
		t.Errorf("Put over a record in a full file: %v", err)
	}
	if err := s.Replace(ctx, "b", []byte("x"), time.Hour); err != nil {
		t.Errorf("Replace in a full file: %v", err)
	}
	s.Revoke(ctx, "c")
	if err := s.Put(ctx, "d", nil, time.Hour); err != nil {
		t.Errorf("Put after Delete = %v", err)
	}
	entries(t, s)
}

func TestADamagedRecordIsAFailureAndNotAbsence(t *testing.T) {
	s := newStore(t)
	err := s.db.Update(func(tx *bbolt.Tx) error {
		return newTable(tx).records.Put([]byte("a"), []byte("short"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "a"); err == nil || errors.Is(err, session.ErrNone) {
		t.Errorf("Get of a damaged record = %v, want a failure", err)
	}
	if err := s.Revoke(t.Context(), "a"); err != nil {
		t.Errorf("Delete of a damaged record = %v", err)
	}
}

// An answer of "no" must not cost the disk a commit, or a flood of replayed
// claims would be a flood of disk writes.
func TestWhatChangesNothingIsNotWritten(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	s.Put(ctx, "a", []byte("x"), time.Hour)
	commits := func() (id int) {
		s.db.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil })
		return id
	}
	before := commits()
	s.PutIfAbsent(ctx, "a", []byte("y"), time.Hour)
	s.Replace(ctx, "b", []byte("y"), time.Hour)
	s.Revoke(ctx, "b")
	s.sweep()
	if after := commits(); after != before {
		t.Errorf("%d commits, want none", after-before)
	}
}

// A write whose caller has given up while it waited is not made late.
func TestAnAbandonedWriteIsNotMade(t *testing.T) {
	s := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error, 1)
	cancel()
	s.commit([]write{{ctx, func(table *table) error {
		return table.put([]byte("a"), nil, time.Hour, 10)
	}, answer}})
	if err := <-answer; !errors.Is(err, ctx.Err()) {
		t.Errorf("answer = %v, want %v", err, ctx.Err())
	}
	if got := entries(t, s); got != 0 {
		t.Errorf("%d records, want 0", got)
	}
}

// What a transaction saw is no answer once it could not be committed.
func TestAFailedCommitIsAFailureForAllItsCallers(t *testing.T) {
	s := newStore(t)
	s.db.Close() // as a disk in trouble does: the transaction fails, whatever is in it
	ok, err := s.PutIfAbsent(t.Context(), "a", nil, time.Hour)
	if ok || err == nil {
		t.Errorf("PutIfAbsent = %v, %v; want a failure", ok, err)
	}
	for method, err := range map[string]error{
		"Put":     s.Put(t.Context(), "a", nil, time.Hour),
		"Replace": s.Replace(t.Context(), "a", nil, time.Hour),
		"Revoke":  s.Revoke(t.Context(), "a"),
	} {
		if err == nil || errors.Is(err, session.ErrNone) {
			t.Errorf("%s = %v, want a failure", method, err)
		}
	}
}

func TestAnEndedContextEndsTheWaitForASlowDisk(t *testing.T) {
	s := newStore(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	go s.do(t.Context(), func(*table) error {
		close(inside)
		<-leave
		return nil
	})
	defer close(leave)
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := s.Put(ctx, "a", nil, time.Hour); !errors.Is(err, ctx.Err()) || err == nil {
		t.Errorf("Put behind a slow write = %v, want that its context ended", err)
	}
}

// A record's expiry is stored with it, so that a file can be understood without
// the program that wrote it, and is compared without a second look-up.
func TestARecordBeginsWithItsExpiry(t *testing.T) {
	s := newStore(t)
	before := time.Now()
	s.Put(t.Context(), "a", []byte("value"), time.Hour)
	s.db.View(func(tx *bbolt.Tx) error {
		stored := newTable(tx).records.Get([]byte("a"))
		expiry := time.UnixMilli(int64(binary.BigEndian.Uint64(stored)))
		if left := expiry.Sub(before); left < time.Hour || left > 2*time.Hour {
			t.Errorf("expiry in %v, want an hour", left)
		}
		if !bytes.Equal(stored[expirySize:], []byte("value")) {
			t.Errorf("value = %q", stored[expirySize:])
		}
		return nil
	})
}
