package login

import (
	"context"
	"errors"
	"sync"
	"time"
)

// firstWait is the pause after the first failed attempt; each further one is
// twice as long, up to the document's own limit.
const firstWait = 250 * time.Millisecond

// lazy is a document of the provider's, made ready for use. It is fetched when
// first needed and again until that succeeds; from then on it is kept.
type lazy[T any] struct {
	fetch   func(context.Context) (*T, error)
	now     func() time.Time
	longest time.Duration // pause between attempts

	mu     sync.Mutex
	ready  *T
	err    error         // why the last attempt failed
	retry  time.Time     // no attempt before this
	wait   time.Duration // the present back-off
	asking chan struct{} // closed when the attempt under way has ended
}

// get returns the document, fetching it if need be. After a failure it answers
// with that failure until the back-off has passed, and all who ask at once share
// one attempt: a crowd does not hammer a provider that is down. One caller's
// patience does not decide over the others'.
func (l *lazy[T]) get(ctx context.Context) (*T, error) {
	l.mu.Lock()
	if l.ready != nil || (l.err != nil && l.now().Before(l.retry)) {
		defer l.mu.Unlock()
		return l.ready, l.err
	}
	if l.asking == nil {
		l.asking = make(chan struct{})
		go l.ask(l.asking)
	}
	asking := l.asking
	l.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-asking:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready, l.err
}

func (l *lazy[T]) ask(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), discoveryTime)
	defer cancel()
	ready, err := l.fetch(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ready, l.err, l.asking = ready, err, nil
	if err != nil {
		l.wait = min(max(2*l.wait, firstWait), l.longest)
		l.retry = l.now().Add(l.wait)
	}
	close(done)
}

// known returns the document if it is there, else nil, and asks nobody.
func (l *lazy[T]) known() *T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready
}

// status reports what is known without asking: nil when the provider has
// answered.
func (l *lazy[T]) status() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ready == nil && l.err == nil {
		return errors.New("not asked yet")
	}
	return l.err
}
