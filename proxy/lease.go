package proxy

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"sidegate/access"
	"sidegate/session"
	"sidegate/upstream"
)

// lease ties a plain request to its session. Most are over in no time, but a
// stream of events or a long download can outlast any session, and is cut when
// that ends, like a tunnel.
type lease struct {
	sessions Sessions
	policy   *access.Book
	session  session.Session
	asked    context.Context // the request's
	w        http.ResponseWriter
	place    session.Place
	line     upstream.Line // cut when the session ended, or the browser left

	mu     sync.Mutex
	timer  *time.Timer // until the session might be over
	unhear func() bool // ends the watch over asked; nil: it has not begun
	ended  bool        // the session, before the request
	over   bool        // the request
}

const (
	// settleTime is when a request that is not over is checked once more: its session,
	// or the person's right, may have ended between the gate's look and the
	// registration. Most requests never get there, and cost the store nothing.
	settleTime = 500 * time.Millisecond
	// hearTime is when a request that is not over begins to hear whether the browser
	// left. To hear it costs more than most requests take.
	hearTime = 50 * time.Millisecond
)

// forward carries a plain request for as long as its session lives.
func (t *Tunnels) forward(w http.ResponseWriter, r *http.Request, s session.Session, policy *access.Book, from *visitor) {
	l := &lease{sessions: t.sessions, policy: policy, session: s, asked: r.Context(), w: w}
	defer l.finish()
	t.live.Enter(s, &l.place, l)
	defer t.live.Leave(&l.place)
	l.mu.Lock()
	l.timer = time.AfterFunc(min(hearTime, time.Until(s.Expires)), l.look)
	l.mu.Unlock()
	t.forwarder.serve(w, r, from, &l.line)
}

// SessionEnded implements session.Ender: it is the registry's call.
func (l *lease) SessionEnded(why session.Reason) {
	if why == session.Ended() { // at a restart requests may finish
		l.end()
	}
}

// look is the timer's call.
func (l *lease) look() {
	if !l.hear() {
		l.expire()
	}
}

// hear reports whether the browser's leaving is heard from now on.
func (l *lease) hear() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over || l.unhear != nil {
		return false
	}
	l.unhear = context.AfterFunc(l.asked, l.line.Cut)
	l.timer.Reset(min(settleTime-hearTime, time.Until(l.session.Expires)))
	return true
}

// expire ends the request, unless its session lives on by what other requests did.
func (l *lease) expire() {
	s, next, over := expired(l.asked, l.sessions, l.current())
	if over || !l.policy.Decide(s.Identity).Allowed {
		l.end()
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session = s
	if !l.over {
		l.timer.Reset(next)
	}
}

func (l *lease) current() session.Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session
}

// end cuts the request off: the app hears that it is over, and a browser that does
// not read, or does not send, is not waited for.
func (l *lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.ended = true
	l.line.Cut()
	l.setDeadlines(time.Now().Add(endGrace))
}

// finish leaves the connection to the next request as it was.
func (l *lease) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	l.timer.Stop()
	if l.unhear != nil {
		l.unhear()
	}
	if l.ended {
		l.setDeadlines(time.Time{})
	}
}

func (l *lease) setDeadlines(t time.Time) {
	conn := http.NewResponseController(l.w)
	conn.SetWriteDeadline(t)
	conn.SetReadDeadline(t)
}

// expired looks whether a session has really ended, or lives on by what other
// requests did. A store that cannot say ends nothing before the absolute limit.
// next is when to look again.
func expired(ctx context.Context, sessions Sessions, s session.Session) (_ session.Session, next time.Duration, over bool) {
	now, err := sessions.Refresh(ctx, s)
	switch {
	case err == nil:
		return now, time.Until(now.Expires), false
	case errors.Is(err, session.ErrNone), !time.Now().Before(s.Ends):
		return s, 0, true
	}
	return s, min(time.Second, time.Until(s.Ends)), false
}
