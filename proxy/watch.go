package proxy

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sidegate/session"
)

// activityStep is how often data frames of one tunnel count as activity.
const activityStep = 250 * time.Millisecond

// watch keeps a tunnel's session alive by what the person does, and ends the tunnel
// when the session's time is over. It asks the store beside the tunnel, never in its
// way: a store that hangs holds up no byte.
type watch struct {
	sessions Sessions
	end      func(why string, reason session.Reason)

	last     time.Time // when data from the browser was noted
	touching atomic.Bool

	mu      sync.Mutex
	session session.Session
	expiry  *time.Timer
	over    bool
}

// begin watches until stop.
func (w *watch) begin(end func(string, session.Reason)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end = end
	w.expiry = time.AfterFunc(time.Until(w.session.Expires), w.expire)
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.expiry.Stop()
}

// noteActivity is called for each data frame of the browser's.
func (w *watch) noteActivity() {
	if now := time.Now(); now.Sub(w.last) >= activityStep && w.touching.CompareAndSwap(false, true) {
		w.last = now
		go w.touch()
	}
}

func (w *watch) touch() {
	defer w.touching.Store(false)
	switch s, err := w.sessions.Touch(context.Background(), w.current()); {
	case errors.Is(err, session.ErrNone):
		w.end("session_ended", session.Ended())
	case err == nil:
		w.prolong(s, time.Until(s.Expires))
	}
}

func (w *watch) expire() {
	s, next, over := expired(context.Background(), w.sessions, w.current())
	if over {
		w.end("session_expired", session.Ended())
		return
	}
	w.prolong(s, next)
}

func (w *watch) current() session.Session {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.session
}

// prolong takes over the session's present limits, and looks again when they end.
func (w *watch) prolong(s session.Session, next time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.session = s
	if !w.over {
		w.expiry.Reset(next)
	}
}
