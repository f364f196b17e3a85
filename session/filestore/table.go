package filestore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"sidegate/session"
)

// The file's two buckets:
//
//	records  key          -> expiry, value
//	expiries expiry, key  -> nothing: the records in the order in which they end
//
// An expiry is a time in Unix milliseconds, 8 bytes, big endian. The sequence
// number of records is how many there are, expired ones included. A different
// layout needs different names, and then old records are simply not there.
const (
	recordsBucket  = "sidegate records 1"
	expiriesBucket = "sidegate expiries 1"

	expirySize = 8
)

// table is the records as one transaction sees them.
type table struct {
	records, expiries *bbolt.Bucket
	now               time.Time
	changed           bool
}

func makeBuckets(tx *bbolt.Tx) error {
	_, err := tx.CreateBucketIfNotExists([]byte(recordsBucket))
	_, err2 := tx.CreateBucketIfNotExists([]byte(expiriesBucket))
	return errors.Join(err, err2)
}

func newTable(tx *bbolt.Tx) *table {
	return &table{
		records:  tx.Bucket([]byte(recordsBucket)),
		expiries: tx.Bucket([]byte(expiriesBucket)),
		now:      time.Now(),
	}
}

// get returns the value of the live record, valid until the transaction ends, or
// ErrNone.
func (t *table) get(key []byte) ([]byte, error) {
	stored := t.records.Get(key)
	if stored == nil {
		return nil, session.ErrNone
	}
	if len(stored) < expirySize {
		return nil, fmt.Errorf("record of %d bytes: the file is damaged", len(stored))
	}
	if t.expired(stored) {
		return nil, session.ErrNone
	}
	return stored[expirySize:], nil
}

// lives reports whether there is a record that lives for ttl at least.
func (t *table) lives(key []byte, ttl time.Duration) bool {
	stored := t.records.Get(key)
	return len(stored) >= expirySize && binary.BigEndian.Uint64(stored) > uint64(t.now.Add(ttl).UnixMilli())
}

// put stores value, unless the table then had more than max records.
func (t *table) put(key, value []byte, ttl time.Duration, max uint64) error {
	if ttl <= 0 {
		return errLifetime
	}
	stored := t.records.Get(key)
	if stored == nil && t.records.Sequence() >= max {
		if _, err := t.sweep(sweepBatch); err != nil {
			return err
		}
		if t.records.Sequence() >= max {
			return session.ErrFull
		}
	}
	if err := t.delete(key); err != nil {
		return err
	}
	// Rounded up: a lifetime below a millisecond is still one.
	expiry := binary.BigEndian.AppendUint64(nil, uint64(t.now.Add(ttl).UnixMilli()+1))
	if err := t.records.Put(key, append(bytes.Clone(expiry), value...)); err != nil {
		return err
	}
	t.changed = true
	if err := t.expiries.Put(append(expiry, key...), nil); err != nil {
		return err
	}
	return t.records.SetSequence(t.records.Sequence() + 1)
}

// delete removes the record and its place in expiries, if there is one.
func (t *table) delete(key []byte) error {
	stored := t.records.Get(key)
	if stored == nil {
		return nil
	}
	t.changed = true
	if len(stored) >= expirySize {
		place := append(bytes.Clone(stored[:expirySize]), key...)
		if err := t.expiries.Delete(place); err != nil {
			return err
		}
	}
	if err := t.records.Delete(key); err != nil {
		return err
	}
	return t.records.SetSequence(t.records.Sequence() - 1)
}

// sweep removes up to limit expired records and reports how many.
func (t *table) sweep(limit int) (int, error) {
	n := 0
	for ; n < limit; n++ {
		place := t.nextExpired()
		if place == nil {
			break
		}
		if err := t.delete(bytes.Clone(place[expirySize:])); err != nil {
			return n, err
		}
	}
	return n, nil
}

// nextExpired returns the place in expiries of a record that has expired, or nil.
func (t *table) nextExpired() []byte {
	place, _ := t.expiries.Cursor().First()
	if place == nil || !t.expired(place) {
		return nil
	}
	return place
}

// expired compares the expiry that b begins with.
func (t *table) expired(b []byte) bool {
	return uint64(t.now.UnixMilli()) >= binary.BigEndian.Uint64(b)
}
