package proxy

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"sidegate/access"
	"sidegate/session"
)

// lease ties a plain request to its session. Most are over in no time, but a
// stream of events or a long download can outlast any session, and is cut when
// that ends, like a tunnel.
type lease struct {
	sessions Sessions
	policy   *access.Book
	session  session.Session
	conn     *http.ResponseController
	cut      context.CancelCauseFunc // with session.ErrNone when the session ended

	mu    sync.Mutex
	timer *time.Timer // until the session might be over
	ended bool        // the session, before the request
	over  bool        // the request
}

// settleTime is when a request that is not over is checked once more: its session,
// or the person's right, may have ended between the gate's look and the
// registration. Most requests never get there, and cost the store nothing.
const settleTime = 500 * time.Millisecond

// forward carries a plain request for as long as its session lives.
func (t *Tunnels) forward(w http.ResponseWriter, r *http.Request, s session.Session, policy *access.Book) {
	ctx, cut := context.WithCancelCause(r.Context())
	defer cut(nil)
	l := &lease{sessions: t.sessions, policy: policy, session: s, conn: http.NewResponseController(w), cut: cut}
	defer l.finish()
	defer t.live.Add(s, func(why session.Reason) {
		if why == session.Ended() { // at a restart requests may finish
			l.end()
		}
	})()
	l.mu.Lock()
	l.timer = time.AfterFunc(min(settleTime, time.Until(s.Expires)), func() { l.expire(ctx) })
	l.mu.Unlock()
	t.forwarder.ServeHTTP(w, r.WithContext(ctx))
}

// expire ends the request, unless its session lives on by what other requests did.
func (l *lease) expire(ctx context.Context) {
	s, next, over := expired(ctx, l.sessions, l.session)
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

// end cuts the request off: the app hears that it is over, and a browser that does
// not read, or does not send, is not waited for.
func (l *lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.ended = true
	l.cut(session.ErrNone)
	l.conn.SetWriteDeadline(time.Now().Add(endGrace))
	l.conn.SetReadDeadline(time.Now().Add(endGrace))
}

// finish leaves the connection to the next request as it was.
func (l *lease) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	l.timer.Stop()
	if l.ended {
		l.conn.SetWriteDeadline(time.Time{})
		l.conn.SetReadDeadline(time.Time{})
	}
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
