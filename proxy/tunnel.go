package proxy

import (
	"cmp"
	"context"
	"net"
	"sync"
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
)

// tunnel carries the bytes of one WebSocket, unchanged, until a side closes or
// its session ends.
//
// Most tunnels sleep. A sleeping one has no goroutine and no buffer: see sleepers. What
// has to be done now and then gets a goroutine when there is a cause.
type tunnel struct {
	sleepers    *sleepers
	client, app pipe // client: from the browser to the app; app: back
	watch       watch
	leave       func()           // takes it out of the registry
	ended       func(why string) // called when all is done, with a word for the log
	farewell    []byte           // a frame with a message for the page when its session ends; may be nil
	ending      atomic.Bool      // both directions shall stop at a frame boundary
	reason      session.Reason

	mu       sync.Mutex
	carrying bool           // begun
	asked    session.Reason // to end, before it had begun
	why      string         // it ended, in a word for the log
	patience *time.Timer    // with the direction that is left
	quiet    chan struct{}  // closed when both directions have ended
}

// Sessions is what the gate and the tunnel need of session.Manager.
type Sessions interface {
	Refresh(ctx context.Context, s session.Session) (session.Session, error)
	Touch(ctx context.Context, s session.Session) (session.Session, error)
}

func newTunnel(sessions Sessions, s session.Session, beds *sleepers) *tunnel {
	t := &tunnel{
		sleepers: beds,
		watch:    watch{sessions: sessions, session: s},
		quiet:    make(chan struct{}),
	}
	t.client.tunnel, t.app.tunnel = t, t
	return t
}

// start carries bytes until it is over, and does not wait.
func (t *tunnel) start(ended func(why string)) {
	t.ended = ended
	t.begin()
	for _, p := range t.pipes() {
		if len(p.from.early) > 0 || !p.sleep(&t.ending) {
			go t.carry(p)
		}
	}
}

func (t *tunnel) pipes() [2]*pipe { return [2]*pipe{&t.client, &t.app} }

// begin looks after the session, which may have ended by now.
func (t *tunnel) begin() {
	t.client.onData = t.watch.noteActivity
	t.watch.begin(t.end)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.carrying = true
	if t.asked.Code != 0 {
		go t.end(word(t.asked), t.asked)
	}
}

func (t *tunnel) carry(p *pipe) {
	defer func() {
		if recover() != nil { // no net/http is around it; the process lives (SEC-ERR-06)
			t.close()
			t.directionEnded(p)
		}
	}()
	switch p.carry(&t.ending) {
	case asleep:
		return // p is another's now
	case whole:
		t.sayGoodbye(p)
	}
	t.directionEnded(p)
}

func (t *tunnel) sayGoodbye(p *pipe) {
	p.to.write(t.lastWords(p))
	closeWrite(p.to.Conn)
}

func (t *tunnel) lastWords(p *pipe) []byte {
	var last []byte
	// A message of ours in the middle of one of theirs would break both.
	if p == &t.app && t.farewell != nil && t.reason == session.Ended() && p.frames.between() {
		last = t.farewell
	}
	return append(last, closeFrame(t.reason, p == &t.client)...)
}

// endAsleep ends a direction that slept, at a frame boundary without a goroutine of its
// own: when all tunnels end in one moment, thousands would have to take turns, and some
// would come too late for a Close frame.
func (t *tunnel) endAsleep(p *pipe) {
	if !p.frames.boundary() {
		go t.carry(p)
		return
	}
	if rest := p.to.writeAtOnce(t.lastWords(p)); len(rest) > 0 {
		go func() {
			p.to.writeWaiting(rest)
			closeWrite(p.to.Conn)
			t.directionEnded(p)
		}()
		return
	}
	closeWrite(p.to.Conn)
	t.directionEnded(p)
}

// directionEnded tells the other end, and gives the other direction a while to end
// too. Where the session ended, end does all that.
func (t *tunnel) directionEnded(p *pipe) {
	switch last, ending := t.note(p); {
	case ending:
	case last:
		t.finish()
	default:
		closeWrite(p.to.Conn)
	}
}

func (t *tunnel) note(p *pipe) (last, ending bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.over = true
	last, ending = t.client.over && t.app.over, t.ending.Load()
	if last {
		t.why = cmp.Or(t.why, "closed")
		close(t.quiet)
	} else if !ending {
		t.patience = time.AfterFunc(halfOpen, t.cut)
	}
	return last, ending
}

// cut ends a tunnel of which one half was left for too long.
func (t *tunnel) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.why == "" {
		t.why = "half_closed"
		t.close()
	}
}

// close closes both ends. The system forgets who sleeps at an end that is closed, so
// they are roused.
func (t *tunnel) close() {
	for _, p := range t.pipes() {
		p.from.Close()
		t.sleepers.rouse(p)
	}
}

// finish leaves nothing behind.
func (t *tunnel) finish() {
	t.close()
	t.watch.stop()
	t.leave()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.patience != nil {
		t.patience.Stop()
	}
	t.ended(t.why)
}

// word says in the log why the registry ended a tunnel.
func word(reason session.Reason) string {
	if reason == session.Renewed() {
		return "roles_changed"
	}
	return "session_ended"
}

// sessionEnded is the registry's call. It does not wait.
func (t *tunnel) sessionEnded(reason session.Reason) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked = reason; t.carrying {
		go t.end(word(reason), reason)
	}
}

// end has both directions end at a frame boundary with a Close frame. One whose
// frame under way does not end in time gets none: its peer would read our frame as
// a part of the other.
func (t *tunnel) end(why string, reason session.Reason) {
	if !t.beginEnd(why, reason) {
		return
	}
	defer t.finish()
	for _, p := range t.pipes() {
		p.from.SetReadDeadline(time.Now()) // wakes a read that waits
		if t.sleepers.take(p) {
			t.endAsleep(p)
		}
	}
	if !t.quietWithin(endGrace) {
		t.app.from.Close()
		if !t.appOver() { // what is on its way to the browser does not end, or is not taken
			t.close()
		}
		<-t.quiet
	}
	// Closing with unread bytes would reset the connection, and the browser might
	// lose the Close frame that is still on its way.
	t.client.from.SetReadDeadline(time.Now().Add(goodbye))
	t.client.from.discard()
}

// beginEnd reports whether there is something left to end.
func (t *tunnel) beginEnd(why string, reason session.Reason) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.why != "" {
		return false
	}
	t.why, t.reason = why, reason
	t.ending.Store(true)
	return true
}

func (t *tunnel) quietWithin(d time.Duration) bool {
	select {
	case <-t.quiet:
		return true
	case <-time.After(d):
		return false
	}
}

func (t *tunnel) appOver() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.app.over
}

// closeWrite sends FIN (over TLS, close_notify) and leaves reading open.
func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
		return
	}
	c.Close()
}
