// Package filestore keeps sessions in one file on this machine, so that they
// survive a restart. It is for one sidegate process: a second one that opens the
// same file is refused.
//
// The file is a bbolt database. Every write is on the disk before it is
// answered, and a process that is killed at any moment leaves a sound file.
// Reads come from a memory map. Writes go through one goroutine, which commits
// all that wait at the same time together: a slow disk costs each of them one
// wait, and a caller whose context ends does not wait any longer.
package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"sidegate/session"
)

// lockTimeout is how long Open waits for another process to leave the file, as
// one that is just being replaced by us will.
const lockTimeout = time.Second

// maxRecords bounds the file, since strangers can cause records too: a full disk
// takes more than us with it. Expired records are dropped before the bound hits.
const maxRecords = 1 << 18

var (
	errClosed   = errors.New("filestore: closed")
	errLifetime = errors.New("filestore: a record's lifetime must be positive")
)

// Store is a session.Store in a file.
type Store struct {
	session.LocalFeed
	db  *bbolt.DB
	max uint64 // records

	writes chan write
	stop   chan struct{} // closed by Close
	done   chan struct{} // closed when the writer has ended

	closing  sync.Once
	closeErr error
}

var _ session.Store = (*Store)(nil)

// Open opens the session file at path, or makes a new one. It refuses a file that
// others than its owner may read or write, that belongs to somebody else, that is
// reached by a symbolic link, or that another process has open.
func Open(path string) (*Store, error) {
	if err := checkDirectory(path); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      lockTimeout,
		FreelistType: bbolt.FreelistMapType, // commits stay fast when many records have come and gone
		NoStatistics: true,
		OpenFile:     openPrivate,
	})
	if err != nil {
		return nil, explain(path, err)
	}
	if err := db.Update(makeBuckets); err != nil {
		db.Close()
		return nil, explain(path, err)
	}
	s := &Store{
		db: db, max: maxRecords,
		writes: make(chan write), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go s.write()
	return s, nil
}

// Get implements session.Store.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	var value []byte
	err := s.db.View(func(tx *bbolt.Tx) error {
		v, err := newTable(tx).get([]byte(key))
		value = bytes.Clone(v) // v is valid inside the transaction only
		return err
	})
	if errors.Is(err, session.ErrNone) {
		return nil, session.ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	return value, nil
}

// Put implements session.Store.
func (s *Store) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return s.do(ctx, func(t *table) error {
		return t.put([]byte(key), value, ttl, s.max)
	})
}

// Replace implements session.Store.
func (s *Store) Replace(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return s.do(ctx, func(t *table) error {
		if _, err := t.get([]byte(key)); err != nil {
			return err
		}
		return t.put([]byte(key), value, ttl, s.max)
	})
}

// Extend implements session.Store.
func (s *Store) Extend(ctx context.Context, key string, ttl time.Duration) error {
	return s.do(ctx, func(t *table) error {
		value, err := t.get([]byte(key))
		if err != nil {
			return err
		}
		return t.put([]byte(key), value, ttl, s.max) // valid as long as the transaction
	})
}

// PutIfAbsent implements session.Store. Like Put it answers ErrFull when there is
// no room.
func (s *Store) PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	errPresent := errors.New("present")
	err := s.do(ctx, func(t *table) error {
		_, err := t.get([]byte(key))
		if err == nil {
			return errPresent
		}
		if !errors.Is(err, session.ErrNone) {
			return err
		}
		return t.put([]byte(key), value, ttl, s.max)
	})
	if errors.Is(err, errPresent) {
		return false, nil
	}
	return err == nil, err
}

// Close implements session.Store. Writes that are under way are finished first.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.stop)
		<-s.done
		s.closeErr = s.db.Close()
	})
	return s.closeErr
}
