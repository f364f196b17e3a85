package session

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// How Memory gets rid of expired records: every sweepEvery, and before it calls
// itself full; sweepBatch records at a time, so that nobody waits long for the
// lock after many records have expired at once.
const (
	sweepEvery = 10 * time.Second
	sweepBatch = 1000
)

var (
	errClosed   = errors.New("session: memory store is closed")
	errLifetime = errors.New("session: a record's lifetime must be positive")
)

// Memory is a Store inside this process: nothing survives a restart, and no
// other replica sees it. The number of records is bounded, since strangers can
// cause records too; each membership of a group counts as one. The zero Memory is
// full.
type Memory struct {
	LocalFeed
	max int

	mu      sync.Mutex
	records map[string]*memoryRecord
	groups  map[string]map[string]*memoryRecord // memberships, by group and member
	expiry  expiryHeap                          // the same records, soonest to expire first
	sweeper *time.Timer
	closed  bool
}

// NewMemory returns a Memory with room for max records. Close it to stop its
// sweeping.
func NewMemory(max int) *Memory {
	m := &Memory{max: max, records: make(map[string]*memoryRecord), groups: make(map[string]map[string]*memoryRecord)}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweeper = time.AfterFunc(sweepEvery, m.sweep)
	return m
}

// Get implements Store.
func (m *Memory) Get(ctx context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(ctx, key)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(r.value), nil
}

// Put implements Store.
func (m *Memory) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find(ctx, key); err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	return m.set(key, value, ttl)
}

// Replace implements Store.
func (m *Memory) Replace(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find(ctx, key); err != nil {
		return err
	}
	return m.set(key, value, ttl)
}

// Extend implements Store.
func (m *Memory) Extend(ctx context.Context, key string, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(ctx, key)
	if err != nil {
		return err
	}
	return m.set(key, r.value, ttl)
}

// PutIfAbsent implements Store. Like Put it answers ErrFull when there is no room.
func (m *Memory) PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.find(ctx, key)
	if err == nil {
		return false, nil
	}
	if !errors.Is(err, ErrNone) {
		return false, err
	}
	if err := m.set(key, value, ttl); err != nil {
		return false, err
	}
	return true, nil
}

// Each implements Store.
func (m *Memory) Each(ctx context.Context, prefix string, visit func(key string, value []byte) error) error {
	keys, err := m.keys(ctx, prefix)
	for _, key := range keys {
		value, err := m.Get(ctx, key)
		if errors.Is(err, ErrNone) {
			continue
		}
		if err != nil {
			return err
		}
		if err := visit(key, value); err != nil {
			return err
		}
	}
	return err
}

// keys returns the keys of records that begin with prefix.
func (m *Memory) keys(ctx context.Context, prefix string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for key, r := range m.records {
		if r.group == "" && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys, m.usable(ctx)
}

// Close implements Store. It forgets every record.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.records, m.expiry, m.groups = true, nil, nil, nil
	if m.sweeper != nil {
		m.sweeper.Stop()
	}
	return nil
}

// find returns the live record, ErrNone, or why Memory cannot say: a closed
// store that answered ErrNone would sign people out while we shut down.
// Precondition, here and below: mu is held.
func (m *Memory) find(ctx context.Context, key string) (*memoryRecord, error) {
	if err := m.usable(ctx); err != nil {
		return nil, err
	}
	r := m.records[key]
	if r == nil || r.expired(time.Now()) {
		return nil, ErrNone
	}
	return r, nil
}

func (m *Memory) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.closed {
		return errClosed
	}
	return nil
}

func (m *Memory) set(key string, value []byte, ttl time.Duration) error {
	if ttl <= 0 {
		return errLifetime
	}
	now := time.Now()
	if r := m.records[key]; r != nil {
		r.value, r.expires = bytes.Clone(value), now.Add(ttl)
		heap.Fix(&m.expiry, r.index)
		return nil
	}
	m.dropExpired(now)
	if len(m.records) >= m.max {
		return ErrFull
	}
	r := &memoryRecord{key: key, value: bytes.Clone(value), expires: now.Add(ttl)}
	m.records[key] = r
	heap.Push(&m.expiry, r)
	return nil
}

func (m *Memory) drop(r *memoryRecord) {
	heap.Remove(&m.expiry, r.index)
	delete(m.records, r.key)
	if members := m.groups[r.group]; members != nil {
		delete(members, r.member)
		if len(members) == 0 {
			delete(m.groups, r.group)
		}
	}
}

// dropExpired removes up to sweepBatch expired records and reports how many.
func (m *Memory) dropExpired(now time.Time) int {
	n := 0
	for ; n < sweepBatch && len(m.expiry) > 0 && m.expiry[0].expired(now); n++ {
		m.drop(m.expiry[0])
	}
	return n
}

func (m *Memory) sweep() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	wait := sweepEvery
	if m.dropExpired(time.Now()) == sweepBatch {
		wait = time.Millisecond // there may be more; let others have the lock first
	}
	m.sweeper.Reset(wait)
}

// memoryRecord is a record, or the membership of member in group, whose key is
// one that no record has.
type memoryRecord struct {
	key           string
	value         []byte
	group, member string // "" for a record
	expires       time.Time
	index         int // in the expiryHeap
}

func (r *memoryRecord) expired(now time.Time) bool { return !now.Before(r.expires) }

// expiryHeap implements container/heap.Interface.
type expiryHeap []*memoryRecord

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].expires.Before(h[j].expires) }

func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *expiryHeap) Push(x any) {
	r := x.(*memoryRecord)
	r.index = len(*h)
	*h = append(*h, r)
}

func (h *expiryHeap) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	(*h)[last] = nil // or the array keeps the record alive
	*h = (*h)[:last]
	return r
}
