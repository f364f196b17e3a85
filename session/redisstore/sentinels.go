package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// lookEvery is how often the sentinels are asked who is the primary, and
	// lookSoon how often while that one is in trouble.
	lookEvery, lookSoon = 500 * time.Millisecond, 100 * time.Millisecond
	// sentinelTime bounds one question to a sentinel.
	sentinelTime = 200 * time.Millisecond
)

var errNoPrimary = errors.New("no sentinel names the primary")

// sentinels know which server is the primary. They are asked all the time, and not
// only when a connection is opened: after a failover the old primary may live on, for
// us alone, and take what we write to the grave. go-redis's own client for sentinels
// would stay with one that hangs, and leave a subscription where it is.
type sentinels struct {
	name   string
	asked  []*askedSentinel
	onMove func()
	stop   context.CancelFunc
	done   chan struct{}

	failedAt atomic.Int64 // UnixNano

	mu    sync.Mutex
	addr  string        // of the primary; empty until it is known
	known chan struct{} // closed when it is
	why   error         // it is not
	moved chan struct{} // closed when it is another
}

// watch asks until close.
func watch(name string, asked []*askedSentinel, onMove func()) *sentinels {
	ctx, stop := context.WithCancel(context.Background())
	s := &sentinels{
		name: name, asked: asked, stop: stop, done: make(chan struct{}),
		known: make(chan struct{}), why: errNoPrimary, moved: make(chan struct{}), onMove: onMove,
	}
	go func() {
		defer close(s.done)
		for ctx.Err() == nil {
			s.look(ctx)
			select {
			case <-time.After(s.pause()):
			case <-ctx.Done():
			}
		}
	}()
	return s
}

// trouble says that the primary has just failed.
func (s *sentinels) trouble() { s.failedAt.Store(time.Now().UnixNano()) }

func (s *sentinels) pause() time.Duration {
	if time.Now().UnixNano()-s.failedAt.Load() < int64(2*probeEvery) {
		return lookSoon
	}
	return lookEvery
}

func (s *sentinels) close() {
	s.stop()
	<-s.done
	for _, a := range s.asked {
		a.close()
	}
}

// look takes the answer of most sentinels: one that is cut off from the others still
// names the old primary.
func (s *sentinels) look(ctx context.Context) {
	type answer struct {
		addr string
		err  error
	}
	ctx, cancel := context.WithTimeout(ctx, sentinelTime)
	defer cancel()
	answers := make(chan answer, len(s.asked))
	for _, a := range s.asked {
		go func() {
			addr, err := a.ask(ctx, s.name)
			answers <- answer{addr, err}
		}()
	}
	votes := make(map[string]int)
	best, why := "", error(nil)
	for range s.asked {
		a := <-answers
		if a.err != nil {
			why = a.err
			continue
		}
		if votes[a.addr]++; votes[a.addr] > votes[best] {
			best = a.addr
		}
		if votes[best] > len(s.asked)/2 {
			break // the others may hang
		}
	}
	s.learn(best, why)
}

func (s *sentinels) learn(addr string, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case addr == "" && s.addr == "":
		s.why = fmt.Errorf("%w: %w", errNoPrimary, why)
	case addr == "" || addr == s.addr: // the one that was named last may well be there
	case s.addr == "":
		s.addr = addr
		close(s.known)
	default:
		s.addr = addr
		s.onMove()
		close(s.moved)
		s.moved = make(chan struct{})
	}
}

// primary waits until the primary is known.
func (s *sentinels) primary(ctx context.Context) (string, error) {
	select {
	case <-s.known:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addr == "" {
		return "", s.why
	}
	return s.addr, nil
}

// moved is closed when another server becomes the primary: what listens to the old one
// may be told nothing any more, though that lives on. Without sentinels it never is.
func (s *Store) moved() <-chan struct{} {
	if s.sentinels == nil {
		return nil
	}
	s.sentinels.mu.Lock()
	defer s.sentinels.mu.Unlock()
	return s.sentinels.moved
}

// askedSentinel is one sentinel. Most have no password, or the servers': it is told
// none until it asks for one.
type askedSentinel struct {
	open, locked *redis.SentinelClient
	asksPassword atomic.Bool
}

func (a *askedSentinel) ask(ctx context.Context, name string) (addr string, err error) {
	client := a.open
	if a.asksPassword.Load() {
		client = a.locked
	}
	parts, err := client.GetMasterAddrByName(ctx, name).Result()
	if err != nil && client == a.open && (redis.IsAuthError(err) || redis.IsPermissionError(err)) {
		a.asksPassword.Store(true)
		parts, err = a.locked.GetMasterAddrByName(ctx, name).Result()
	}
	switch {
	case errors.Is(err, redis.Nil):
		return "", errors.New("a sentinel knows no primary of that name")
	case err != nil:
		return "", err
	case len(parts) != 2:
		return "", errors.New("a sentinel's answer is " + fmt.Sprintf("%q", strings.Join(parts, " ")))
	}
	return net.JoinHostPort(parts[0], parts[1]), nil
}

func (a *askedSentinel) close() {
	a.open.Close()
	a.locked.Close()
}
