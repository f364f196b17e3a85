package session

import (
	"context"
	"sync"
)

// LocalFeed is the telling half of a Feed for a store that only this process uses:
// it is never down. The zero LocalFeed is ready for use.
type LocalFeed struct {
	mu        sync.Mutex
	listeners map[chan Notice]context.Context
}

// Tell tells all listeners that keys were revoked. It returns when each has taken
// the notice, or is gone.
func (f *LocalFeed) Tell(keys []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c, ctx := range f.listeners {
		select {
		case c <- Notice{Up: true, Keys: keys}:
		case <-ctx.Done():
		}
	}
}

// Revoked implements Feed.
func (f *LocalFeed) Revoked(ctx context.Context) <-chan Notice {
	c := make(chan Notice, 1)
	c <- Notice{Up: true}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listeners == nil {
		f.listeners = make(map[chan Notice]context.Context)
	}
	f.listeners[c] = ctx
	context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.listeners, c)
		close(c)
	})
	return c
}
