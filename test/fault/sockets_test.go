package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/test/rig"
)

// abnormal stands for an end without a Close frame, as in RFC 6455 7.4.1.
const abnormal = 1006

// sockets are WebSockets that people hold open. Each knows whose it is, and hears
// that from the app again and again.
type sockets struct {
	t    testing.TB
	path string
	all  sync.WaitGroup

	mu      sync.Mutex
	open    map[*rig.Socket]*line
	ends    []ending
	mixed   int
	stopped bool
}

// line is one open socket.
type line struct {
	owner *person
	heard time.Time
}

// ending is how a socket was closed, by the other side.
type ending struct {
	who    *person
	code   int // abnormal: there was no Close frame
	reason string
	err    error
	at     time.Time
}

// newSockets holds none yet. every is how often the app speaks.
func newSockets(t testing.TB, every time.Duration) *sockets {
	s := &sockets{t: t, path: fmt.Sprintf("/socket?ms=%d", every.Milliseconds()), open: make(map[*rig.Socket]*line)}
	t.Cleanup(s.closeAll)
	return s
}

// openSockets opens n, for people and through doors in turn.
func openSockets(t testing.TB, n int, people []*person, doors ...*door) *sockets {
	t.Helper()
	s := newSockets(t, time.Second)
	s.openMore(n, people, doors...)
	return s
}

func (s *sockets) openMore(n int, people []*person, doors ...*door) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), rig.Patience)
	defer cancel()
	if err := together(16, make([]struct{}, n), func(i int, _ struct{}) error {
		return s.add(ctx, people[i%len(people)], doors[i%len(doors)])
	}); err != nil {
		s.t.Fatalf("opening sockets: %v", err)
	}
}

// add opens one, and returns when it has heard the app.
func (s *sockets) add(ctx context.Context, p *person, d *door) error {
	socket, err := d.socket(ctx, p, s.path)
	if err != nil && strings.Contains(err.Error(), "store_unavailable") {
		return errors.Join(errStore, err)
	}
	if err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok {
		socket.SetDeadline(deadline)
	}
	if opcode, payload, err := socket.Frame(); err != nil || opcode != rig.OpText || string(payload) != p.email {
		socket.Close()
		return fmt.Errorf("%s's socket began with opcode %d %q, %v", p.name, opcode, payload, err)
	}
	socket.SetDeadline(time.Time{})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		socket.Close()
		return nil
	}
	s.open[socket] = &line{owner: p, heard: time.Now()}
	s.all.Go(func() { s.listen(socket, p) })
	return nil
}

// listen reads until the other side ends it.
func (s *sockets) listen(socket *rig.Socket, p *person) {
	defer socket.Close()
	end := ending{who: p, code: abnormal}
	for {
		opcode, payload, err := socket.Frame()
		if err != nil {
			end.err, end.at = err, time.Now()
			break
		}
		if opcode == rig.OpClose {
			end.code, end.reason = rig.CloseCode(payload)
			end.at = time.Now()
			_ = socket.Send(rig.OpClose, payload) // RFC 6455 5.5.1: it is answered
			break
		}
		s.heard(socket, p, opcode, payload)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ours := s.open[socket]; ours && !s.stopped {
		delete(s.open, socket)
		s.ends = append(s.ends, end)
	}
}

func (s *sockets) heard(socket *rig.Socket, p *person, opcode byte, payload []byte) {
	if opcode == rig.OpPing {
		_ = socket.Send(rig.OpPong, payload)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if string(payload) != p.email && !strings.HasPrefix(string(payload), p.email+" said ") {
		s.mixed++
	}
	if l := s.open[socket]; l != nil {
		l.heard = time.Now()
	}
}

// ended returns those that the other side ended so far, in the order of time.
func (s *sockets) ended() []ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ends)
}

// count returns how many are open.
func (s *sockets) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// silent returns how many open ones have not heard the app for so long.
func (s *sockets) silent(d time.Duration) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, l := range s.open {
		if time.Since(l.heard) > d {
			n++
		}
	}
	return n
}

// waitEnded waits until n have been ended.
func (s *sockets) waitEnded(n int) []ending {
	s.t.Helper()
	rig.Eventually(s.t, func() string { return fmt.Sprintf("%d of %d sockets ended", len(s.ended()), n) },
		func() bool { return len(s.ended()) >= n })
	return s.ended()
}

// wantUntouched fails the test unless all are open and alive, and hear what is
// theirs. It returns how many were dropped.
func (s *sockets) wantUntouched(when string) (dropped int) {
	s.t.Helper()
	ends := s.ended()
	if len(ends) > 0 {
		s.t.Errorf("%s: %d sockets were ended, the first of them %s", when, len(ends), ends[0])
	}
	rig.Eventually(s.t, func() string { return fmt.Sprintf("%s: %d sockets hear nothing", when, s.silent(5*time.Second)) },
		func() bool { return s.silent(5*time.Second) == 0 })
	s.wantOwn(when)
	return len(ends)
}

// wantOwn fails the test if a socket heard what was somebody else's.
func (s *sockets) wantOwn(when string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mixed > 0 {
		s.t.Errorf("%s: %d messages on the wrong socket", when, s.mixed)
	}
}

func (e ending) String() string {
	return fmt.Sprintf("%s's, code %d %q, %v", e.who.name, e.code, e.reason, e.err)
}

// codes counts endings by their code.
func codes(ends []ending) string {
	by := make(map[int]int)
	for _, e := range ends {
		by[e.code]++
	}
	return fmt.Sprint(by)
}

// closeAll ends them from this side, without a word.
func (s *sockets) closeAll() {
	s.mu.Lock()
	s.stopped = true
	for socket := range s.open {
		socket.Close()
	}
	s.mu.Unlock()
	s.all.Wait()
}
