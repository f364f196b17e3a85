package proxy

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sidegate/web"
)

const (
	// soonest and latest bound after how long a page of an app that is not there
	// loads itself again.
	soonest = 2 * time.Second
	latest  = 15 * time.Second
	// forgotten is how long nobody may have tried for an outage to be the same one:
	// more than latest, as long as anybody waits.
	forgotten = time.Minute
)

// waiting is what there is to say to people who wait for the app: an app that starts
// is another matter than one that was there. It is asked and told at each request.
type waiting struct {
	answered atomic.Bool // once, since we started
	out      atomic.Bool

	mu          sync.Mutex
	since, last time.Time // of what it has not answered
}

// answers notes that the app has answered.
func (w *waiting) answers() {
	if !w.answered.Load() {
		w.answered.Store(true)
	}
	if w.out.Load() {
		w.out.Store(false)
	}
}

// unavailable notes that it has not, and says so.
func (w *waiting) unavailable(now time.Time, err error) error {
	since := w.began(now)
	e := &web.Error{
		Status: http.StatusServiceUnavailable, Code: "app_unavailable",
		Title: "Waiting for the app to start", Public: "The app has not answered yet.",
		Since: since, Retry: patience(now.Sub(since)), Err: err,
	}
	if w.answered.Load() {
		e.Title, e.Public = "The app does not answer", "It did before, so it may have been stopped, or is starting anew."
	}
	return e
}

// began returns when this outage did, as far as anybody has tried.
func (w *waiting) began(now time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.out.Swap(true) || now.Sub(w.last) > forgotten {
		w.since = now
	}
	w.last = now
	return w.since
}

// patience is after how long to try again what has failed for so long: a fifth of it
// more, so that nobody waits much longer than the app took, and nobody asks often what
// is gone for good.
func patience(lasted time.Duration) time.Duration {
	return min(max(lasted/5, soonest), latest)
}
