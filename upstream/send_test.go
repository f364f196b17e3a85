package upstream_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// A body of any length arrives, framed, with its trailers, and is not held whole.
func TestBodiesAreSent(t *testing.T) {
	big := strings.Repeat("0123456789", 100_000)
	for _, c := range []struct {
		length int64
		body   string
	}{{1, "b"}, {int64(len(big)), big}, {-1, ""}, {-1, "b"}, {-1, big}} {
		a := start(t, "tcp", func(conv *conversation, head string) bool {
			req, err := http.ReadRequest(readerAt(head, conv))
			if err != nil {
				t.Error(err)
				return false
			}
			body, err := io.ReadAll(req.Body)
			fmt.Fprintf(conv, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Got: %d %v %v %v %v\r\n\r\nok", len(body), string(body) == c.body, err, req.ContentLength, req.Trailer)
			return true
		})
		for range 3 {
			r := get()
			r.Method, r.Body, r.Length = "POST", strings.NewReader(c.body), c.length
			r.Trailer = http.Header{"X-Sum": {"9"}}
			trailer := "map[]"
			if c.length < 0 {
				trailer = "map[X-Sum:[9]]"
			}
			want := fmt.Sprintf("%d true <nil> %d %s", len(c.body), c.length, trailer)
			if res, _, err := a.ask(r); err != nil || res.Header.Get("X-Got") != want {
				t.Errorf("%d of %d bytes: %v, %v; want %s", len(c.body), c.length, res, err, want)
			}
		}
		if _, n := a.counts(); n != 1 {
			t.Errorf("%d of %d bytes: %d connections, want 1", len(c.body), c.length, n)
		}
	}
}

// Nor may what comes behind a body be read as more than it is: net/http looks into a
// head's values for controls, and not into trailers'.
func TestOddTrailersAreNotSent(t *testing.T) {
	for name, value := range map[string]string{"X-Sum": "a\x00b", "X-Nul": "\x00", "X-Cr": "a\rb", "X-Lf": "a\nb: c", "X-Split": "a\r\nb: c", "X-Bell": "\a", "X Name": "a", "X:Y": "a", "": "a"} {
		heard := make(chan string, 1)
		a := start(t, "tcp", func(conv *conversation, head string) bool {
			rest, _ := io.ReadAll(conv.in)
			heard <- string(rest)
			return false
		})
		r := get()
		r.Method, r.Body, r.Length = "POST", strings.NewReader("b"), -1
		r.Trailer = http.Header{name: {value}}
		if _, _, err := a.ask(r); err == nil {
			t.Errorf("%q: %q was taken", name, value)
		}
		select {
		case got := <-heard:
			if strings.Contains(got, "0\r\n") {
				t.Errorf("%q: %q was sent: %q", name, value, got)
			}
		case <-time.After(patience):
			t.Errorf("%q: the app waits for more", name)
		}
	}
}

// readerAt puts a head that was read back in front.
func readerAt(head string, c *conversation) *bufio.Reader {
	return bufio.NewReader(io.MultiReader(strings.NewReader(head), c.in))
}

// A body that breaks off is never a whole request to the app, and the connection
// serves nobody else.
func TestABrokenBodyIsNoRequest(t *testing.T) {
	for _, length := range []int64{100, -1} {
		heard := make(chan error, 1)
		a := start(t, "tcp", func(conv *conversation, head string) bool {
			req, _ := http.ReadRequest(readerAt(head, conv))
			_, err := io.ReadAll(req.Body)
			heard <- err
			return false
		})
		r := get()
		r.Method, r.Length = "POST", length
		r.Body = io.MultiReader(strings.NewReader("begun"), broken{})
		if _, _, err := a.ask(r); !errors.Is(err, errBroken) {
			t.Errorf("%d: %v, want the body's error", length, err)
		}
		if err := <-heard; err == nil {
			t.Errorf("%d: the app took the part for the whole", length)
		}
	}
}

// endless is a body of any length.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// An app may answer before it has heard everything: the answer arrives whole, the
// rest is not wanted, and who reads the body has ended when the answer has.
func TestAnEarlyAnswerEndsTheUpload(t *testing.T) {
	for _, keep := range []bool{true, false} {
		a := start(t, "tcp", says("HTTP/1.1 413 Too Large\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 100_000), keep))
		reading, stopped := &waiting{stop: make(chan struct{})}, 0
		r := get()
		r.Method, r.Body, r.Length = "POST", reading, 1<<40
		r.Peer = peer{stop: func() { stopped++; close(reading.stop) }}
		res, body, err := a.ask(r)
		if err != nil || res.StatusCode != 413 || len(body) != 100_000 || stopped != 1 {
			t.Errorf("%v, %d bytes, %v; stopped %d times", res, len(body), err, stopped)
		}
		if reading.busy() {
			t.Error("the body is still read")
		}
		if _, _, err := a.ask(get()); err != nil {
			t.Error(err)
		}
		if n, connections := a.counts(); n != connections {
			t.Errorf("%d requests over %d connections: the one with half a request was used again", n, connections)
		}
	}
}

type peer struct {
	interim func(int)
	stop    func()
}

func (p peer) Interim(status int, _ http.Header) { p.interim(status) }
func (p peer) Stop()                             { p.stop() }

// waiting is a body that says a word and then waits.
type waiting struct {
	stop chan struct{}
	mu   sync.Mutex
	said bool
	in   bool
}

func (w *waiting) Read(p []byte) (int, error) {
	w.mu.Lock()
	w.in = true
	first := !w.said
	w.said = true
	w.mu.Unlock()
	defer func() { w.mu.Lock(); w.in = false; w.mu.Unlock() }()
	if first {
		return copy(p, "begun"), nil
	}
	<-w.stop
	return 0, errBroken
}

func (w *waiting) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.in
}

// SEC-SMUG-10: a body that waits for 100 Continue is sent when the app says so, or
// nothing, and not when it answers at once.
func TestContinue(t *testing.T) {
	for _, how := range []string{"continue", "silence", "refusal"} {
		a := start(t, "tcp", func(c *conversation, head string) bool {
			switch how {
			case "continue":
				io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
			case "refusal":
				io.WriteString(c, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
				return true
			}
			got := make([]byte, 4)
			io.ReadFull(c.in, got)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n%s", got)
			return true
		})
		var interim []int
		r := get()
		r.Method, r.Body, r.Length, r.Expect = "POST", strings.NewReader("body"), 4, true
		r.Peer = peer{interim: func(status int) { interim = append(interim, status) }, stop: func() {}}
		res, body, err := a.ask(r)
		if refused := how == "refusal"; err != nil || refused != (res.StatusCode == 417) || refused != (body != "body") || (len(interim) == 1) != (how == "continue") {
			t.Errorf("%s: %v %q, %v; ahead of it %v", how, res, body, err, interim)
		}
		if how == "refusal" {
			a.ask(get())
			if n, connections := a.counts(); n != connections {
				t.Error("a connection on which the app may wait for a body was used again")
			}
		}
	}
}
