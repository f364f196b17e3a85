package session

import (
	"context"
	"errors"
	"time"
)

// Store keeps opaque records under opaque keys for a limited time. It is all
// that a storage technology has to offer; sessiontest.TestStore is this comment
// as a test suite.
//
// Keys are printable ASCII of 1 to 128 bytes; they are hashes, never a
// cookie's value. Values are sealed by the Manager, at most MaxValue bytes.
// Lifetimes are positive, any other is an error; a record is gone, for every method, once its lifetime
// has passed (to within a second).
//
// ErrNone is an answer: there is no such record. Every other error means that
// the store cannot say, and callers must treat it as an outage (503), never as
// absence: a store's trouble logs nobody out, and lets nobody in.
//
// Methods are safe for concurrent use, honour the context's deadline, and return
// slices that the caller may keep and change.
type Store interface {
	// Get returns the record, or ErrNone.
	Get(ctx context.Context, key string) ([]byte, error)

	// Put stores value for ttl, replacing any former record. It answers ErrFull
	// when the store is bounded and has no room.
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error

	// Replace stores value for ttl only over a record that is there, else it
	// answers ErrNone. A late write can so never bring a deleted session back.
	Replace(ctx context.Context, key string, value []byte, ttl time.Duration) error

	// PutIfAbsent stores value for ttl only when there is no record, in one
	// atomic step over all users of the store, and reports whether it did. It
	// answers ErrFull as Put does.
	PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error)

	// Delete removes the record. Deleting what is not there is no error.
	Delete(ctx context.Context, key string) error

	// Close releases what the store holds. No other method may follow.
	Close() error
}

// MaxValue bounds one record, in bytes.
const MaxValue = 64 << 10

var (
	// ErrNone says that there is no such record: absence, not failure.
	ErrNone = errors.New("session: no such record")
	// ErrFull says that a bounded store has no room for another record.
	ErrFull = errors.New("session: store is full")
)
