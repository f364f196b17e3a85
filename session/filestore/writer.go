package filestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"sidegate/session"
)

const (
	maxGroup = 128 // writes in one commit

	// Expired records are looked for every sweepEvery, and removed sweepBatch in
	// one commit; between two batches, sweepPause lets the writers have their turn.
	sweepEvery = 10 * time.Second
	sweepBatch = 256
	sweepPause = 10 * time.Millisecond
)

// write is one caller's change. apply runs in a transaction that others share:
// what it returns is its caller's answer, and undoes nothing.
type write struct {
	ctx    context.Context
	apply  func(*table) error
	answer chan<- error
}

// errUnchanged rolls a transaction back that has nothing to commit: a replayed
// claim or a late replacement costs the disk nothing.
var errUnchanged = errors.New("unchanged")

// do has the writer apply a change and waits for the answer. When ctx ends first,
// the change may or may not be made.
func (s *Store) do(ctx context.Context, apply func(*table) error) error {
	answer := make(chan error, 1)
	err := ctx.Err()
	if err == nil {
		select {
		case s.writes <- write{ctx, apply, answer}:
			select {
			case err = <-answer:
			case <-ctx.Done():
				err = ctx.Err()
			}
		case <-ctx.Done():
			err = ctx.Err()
		case <-s.stop:
			return errClosed
		}
	}
	if err == nil || errors.Is(err, session.ErrNone) || errors.Is(err, session.ErrFull) {
		return err
	}
	return fmt.Errorf("filestore: %w", err)
}

// write is the goroutine that alone changes the file.
func (s *Store) write() {
	defer close(s.done)
	sweep := time.NewTimer(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case w := <-s.writes:
			s.commit(s.gather(w))
		case <-sweep.C:
			sweep.Reset(s.sweep())
		case <-s.stop:
			return
		}
	}
}

// gather returns first and whatever else is waiting.
func (s *Store) gather(first write) []write {
	group := []write{first}
	for len(group) < maxGroup {
		select {
		case w := <-s.writes:
			group = append(group, w)
		default:
			return group
		}
	}
	return group
}

func (s *Store) commit(group []write) {
	answers := make([]error, len(group))
	err := s.db.Update(func(tx *bbolt.Tx) error {
		t := newTable(tx)
		for i, w := range group {
			if answers[i] = w.ctx.Err(); answers[i] == nil {
				answers[i] = w.apply(t)
			}
		}
		if !t.changed {
			return errUnchanged
		}
		return nil
	})
	for i, w := range group {
		if err != nil && !errors.Is(err, errUnchanged) {
			answers[i] = err // what apply saw may be undone
		}
		w.answer <- answers[i]
	}
}

// sweep removes a batch of expired records and returns when to come back.
func (s *Store) sweep() time.Duration {
	n := 0
	err := s.db.Update(func(tx *bbolt.Tx) error {
		t := newTable(tx)
		var err error
		if n, err = t.sweep(sweepBatch); err == nil && !t.changed {
			err = errUnchanged
		}
		return err
	})
	if err == nil && n == sweepBatch {
		return sweepPause
	}
	return sweepEvery // after an error too: a disk in trouble is asked again later
}
