package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"sidegate/session"
)

const (
	// halfOpen is how long one direction may go on after the other has ended.
	halfOpen = 10 * time.Second
	// endGrace is how long a frame under way, and the Close frame after it, may take
	// when the session ends.
	endGrace = 700 * time.Millisecond
	// goodbye is how long a peer may take to answer our Close frame.
	goodbye = 250 * time.Millisecond
	// activityStep is how often data frames of one tunnel count as activity.
	activityStep = 250 * time.Millisecond
)

// tunnel carries the bytes of one WebSocket, unchanged, until a side closes or
// its session ends.
type tunnel struct {
	client, app *pipe // client: from the browser to the app; app: back
	sessions    Sessions
	session     session.Session
	end         chan session.Reason // asked from outside to end; holds one
	active      chan struct{}       // the browser sent data; holds one
	ending      atomic.Bool
	reason      session.Reason // set before ending
}

// Sessions is what the gate and the tunnel need of session.Manager.
type Sessions interface {
	Refresh(ctx context.Context, s session.Session) (session.Session, error)
	Touch(ctx context.Context, s session.Session) (session.Session, error)
}

// run carries bytes until it is over and returns why, in a word for the log.
func (t *tunnel) run(ctx context.Context) string {
	t.client.onData = t.noteActivity()
	done := make(chan *pipe, 2)
	for _, p := range []*pipe{t.client, t.app} {
		go func() {
			if whole := p.carry(&t.ending); whole {
				p.write(closeFrame(t.reason, p == t.client))
				closeWrite(p.to)
			}
			done <- p
		}()
	}
	why, reason := t.watch(ctx, done)
	if reason.Code != 0 {
		t.sayGoodbye(reason, done)
	}
	t.client.from.Close()
	t.app.from.Close()
	for !t.client.over || !t.app.over {
		(<-done).over = true
	}
	return why
}

// watch waits for the end: of a direction, then of the other or its patience; or
// of the session.
func (t *tunnel) watch(ctx context.Context, done chan *pipe) (why string, reason session.Reason) {
	expiry := time.NewTimer(time.Until(t.session.Expires))
	defer expiry.Stop()
	var patience <-chan time.Time
	for {
		select {
		case p := <-done:
			p.over = true
			if t.client.over && t.app.over {
				return "closed", session.Reason{}
			}
			closeWrite(p.to)
			patience = time.After(halfOpen)
		case <-patience:
			return "half_closed", session.Reason{}
		case reason := <-t.end:
			return "session_ended", reason
		case <-t.active:
			if s, err := t.sessions.Touch(ctx, t.session); errors.Is(err, session.ErrNone) {
				return "session_ended", session.Ended()
			} else if err == nil {
				t.session = s
				expiry.Reset(time.Until(s.Expires))
			}
		case <-expiry.C:
			s, next, over := expired(ctx, t.sessions, t.session)
			if over {
				return "session_expired", session.Ended()
			}
			t.session = s
			expiry.Reset(next)
		}
	}
}

// noteActivity returns what the browser's direction calls for each data frame.
func (t *tunnel) noteActivity() func() {
	var last time.Time
	return func() {
		if now := time.Now(); now.Sub(last) >= activityStep {
			last = now
			select {
			case t.active <- struct{}{}:
			default:
			}
		}
	}
}

// sayGoodbye has both directions end at a frame boundary with a Close frame. One
// whose frame under way does not end in time gets none: its peer would read our
// frame as a part of the other.
func (t *tunnel) sayGoodbye(reason session.Reason, done chan *pipe) {
	t.reason = reason
	t.ending.Store(true)
	for _, p := range []*pipe{t.client, t.app} {
		p.from.SetReadDeadline(time.Now()) // wakes a read that waits
	}
	late := time.After(endGrace)
	for !t.client.over || !t.app.over {
		select {
		case p := <-done:
			p.over = true
		case <-late:
			t.app.from.Close()
			if !t.app.over {
				return // what is on its way to the browser does not end, or is not taken
			}
		}
	}
	// Closing with unread bytes would reset the connection, and the browser might
	// lose the Close frame that is still on its way.
	t.client.from.SetReadDeadline(time.Now().Add(goodbye))
	io.Copy(io.Discard, t.client.reader)
}

// closeWrite sends FIN (over TLS, close_notify) and leaves reading open.
func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
		return
	}
	c.Close()
}
