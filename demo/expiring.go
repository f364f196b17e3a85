package demo

import (
	"sync"
	"time"
)

// expiring is a map whose entries live for ttl, and of which there are at most
// max: a flood of sign-ins pushes out the oldest ones and cannot grow the
// process.
type expiring[V any] struct {
	ttl time.Duration
	max int

	mu      sync.Mutex
	entries map[string]entry[V]
}

type entry[V any] struct {
	value V
	until time.Time
}

func newExpiring[V any](ttl time.Duration, max int) *expiring[V] {
	return &expiring[V]{ttl: ttl, max: max, entries: make(map[string]entry[V])}
}

func (e *expiring[V]) put(key string, value V) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	oldest := ""
	for k, item := range e.entries {
		if !now.Before(item.until) {
			delete(e.entries, k)
		} else if oldest == "" || item.until.Before(e.entries[oldest].until) {
			oldest = k
		}
	}
	if len(e.entries) >= e.max {
		delete(e.entries, oldest)
	}
	e.entries[key] = entry[V]{value, now.Add(e.ttl)}
}

func (e *expiring[V]) get(key string) (V, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.live(key)
}

// take returns an entry to one caller only, however many ask at once.
func (e *expiring[V]) take(key string) (V, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer delete(e.entries, key)
	return e.live(key)
}

func (e *expiring[V]) live(key string) (V, bool) {
	item, ok := e.entries[key]
	if !ok || !time.Now().Before(item.until) {
		var none V
		return none, false
	}
	return item.value, true
}
