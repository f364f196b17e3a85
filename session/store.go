package session

import (
	"context"
	"errors"
	"io"
	"time"
)

// Store is all that a storage technology has to offer; sessiontest.TestStore is
// this comment, and those of its parts, as a test suite.
//
// ErrNone is an answer: there is no such record. Every other error means that
// the store cannot say, and callers must treat it as an outage (503), never as
// absence: a store's trouble logs nobody out, and lets nobody in.
//
// Methods are safe for concurrent use, honour the context's deadline, and return
// slices that the caller may keep and change.
type Store interface {
	Records
	Index
	Feed

	// Close releases what the store holds. No other method may follow.
	io.Closer
}

// Records keeps opaque records under opaque keys for a limited time.
//
// Keys are printable ASCII of 1 to 128 bytes; they are hashes, never a
// cookie's value. Values are sealed by the Manager, at most MaxValue bytes.
// Lifetimes are positive, any other is an error; a record is gone, for every method, once its lifetime
// has passed (to within a second).
type Records interface {
	// Get returns the record, or ErrNone.
	Get(ctx context.Context, key string) ([]byte, error)

	// Put stores value for ttl, replacing any former record. It answers ErrFull
	// when the store is bounded and has no room.
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error

	// Replace stores value for ttl only over a record that is there, else it
	// answers ErrNone. A late write can so never bring a deleted session back.
	Replace(ctx context.Context, key string, value []byte, ttl time.Duration) error

	// Extend has a record live for ttl from now and leaves its value alone, so that
	// whoever extends cannot undo what another one writes. Without a record it answers
	// ErrNone.
	Extend(ctx context.Context, key string, ttl time.Duration) error

	// PutIfAbsent stores value for ttl only when there is no record, in one
	// atomic step over all users of the store, and reports whether it did. It
	// answers ErrFull as Put does.
	PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error)

	// Each calls visit for every record whose key begins with prefix, in any order,
	// and stops at the first error, which it returns. It may take long: it is for
	// the operator, not for a request. A record that is written or deleted meanwhile
	// may be visited or not, one that stays is; a record may come twice. visit may
	// call other methods.
	Each(ctx context.Context, prefix string, visit func(key string, value []byte) error) error
}

// Index keeps which records belong together, such as all of one person. Group
// names have the form of keys. A member is a key, whether or not there is a
// record: whoever reads a group looks which of its records are still there.
type Index interface {
	// Join makes key a member of group for at least ttl; joining again may make that
	// longer, never shorter. It answers ErrFull when the store is bounded and has no
	// room.
	Join(ctx context.Context, group, key string, ttl time.Duration) error

	// Members returns the keys that are members, in any order, none twice. A group
	// without members is no error.
	Members(ctx context.Context, group string) ([]string, error)

	// Leave takes keys out of group. Those that are no members are no error.
	Leave(ctx context.Context, group string, keys ...string) error
}

// Feed tells everybody who uses the store which records were revoked, so that
// copies of them, and connections opened under them, end everywhere.
type Feed interface {
	// Revoke deletes the records, and then tells all users of the store, this one
	// included. Revoking what is not there is no error, and is told as well. After an error some may be
	// deleted, or deleted and not told; it can be called again.
	Revoke(ctx context.Context, keys ...string) error

	// Revoked returns what is told from now on, in notices that must be taken as
	// they come. The channel is closed after ctx is done. The first notice comes
	// when the feed is connected for the first time, or has been found not to be.
	Revoked(ctx context.Context) <-chan Notice
}

// Notice is one message of a Feed.
//
// Up tells whether the feed is connected. One that was down, and is Up again, may
// have missed revocations meanwhile; one that is not Up may be missing some now.
// A silent cut is noticed within two seconds.
type Notice struct {
	Up   bool
	Keys []string // revoked records
	Err  error    // why the feed is not Up, where the store can say; it shows no secret
}

// MaxValue bounds one record, in bytes.
const MaxValue = 64 << 10

var (
	// ErrNone says that there is no such record: absence, not failure.
	ErrNone = errors.New("session: no such record")
	// ErrFull says that a bounded store has no room for another record.
	ErrFull = errors.New("session: store is full")
)
