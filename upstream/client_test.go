package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/upstream"
)

// One connection serves one request after the other, over TCP and a unix socket, for
// answers of every kind that has an end of its own.
func TestAConnectionIsUsedAgain(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		answers := []string{
			ok, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n" + ok,
			"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 20_000) + "\r\nContent-Length: 2\r\n\r\nok",
		}
		a := start(t, network, func(c *conversation, head string) bool {
			io.WriteString(c, answers[(c.n-1)%len(answers)])
			return true
		})
		for i := range 3 * len(answers) {
			res, body, err := a.ask(get())
			if err != nil || body != "" && body != "ok" || res.StatusCode != http.StatusOK && body != "" {
				t.Errorf("%s: %.50q was read as %v %q, %v", network, answers[i%len(answers)], res, body, err)
			}
		}
		if requests, connections := a.counts(); requests != 3*len(answers) || connections != 1 {
			t.Errorf("%s: %d requests over %d connections, want %d over 1", network, requests, connections, 3*len(answers))
		}
	}
}

// SEC-SMUG-13: what an app sends besides its answer is never another answer, whether
// it comes along with it, later, or on a connection that nobody uses.
func TestWhatNobodyAskedForIsNoAnswer(t *testing.T) {
	extra := "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
	for name, odd := range map[string]string{
		"after a body": ok + extra, "after no body": "HTTP/1.1 204 No Content\r\n\r\n" + extra, "after a 304": "HTTP/1.1 304 Not Modified\r\n\r\n" + extra,
		"after chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + extra, "a blank line": ok + "\r\n",
	} {
		for _, later := range []bool{false, true} {
			read, said := make(chan bool, 1), make(chan bool, 1)
			a := start(t, "tcp", func(c *conversation, head string) bool {
				whole, rest := odd, ""
				if later {
					if whole, rest = strings.TrimSuffix(odd, extra), extra; whole == odd {
						whole, rest = ok, "\r\n"
					}
				}
				if strings.Contains(head, "/victim") {
					whole, rest = ok, ""
				}
				io.WriteString(c, whole)
				<-read
				io.WriteString(c, rest)
				said <- true
				return true
			})
			for range 5 {
				if !later {
					read <- true
				}
				if _, body, err := a.ask(get()); err != nil || strings.Contains(body, "poison") {
					t.Errorf("%s: %q, %v", name, body, err)
				}
				if later {
					read <- true
				}
				<-said
				read <- true // for the victim
				r := get()
				r.Target = "/victim"
				if _, body, err := a.ask(r); err != nil || body != "ok" {
					t.Errorf("%s, later %v: the next request was answered %q, %v", name, later, body, err)
				}
				<-said
			}
			// Each odd answer ends its connection, and the victim's serves the next one.
			if _, n := a.counts(); n != 6 {
				t.Errorf("%s, later %v: %d connections, want 6", name, later, n)
			}
		}
	}
}

// Nor is what comes before anything was asked.
func TestAnAppThatSpeaksFirstIsNotHeard(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	said := make(chan bool)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			io.WriteString(c, ok)
			said <- true
		}
	}()
	client := &upstream.Client{Dial: func(context.Context) (net.Conn, error) {
		c, err := net.Dial("tcp", l.Addr().String())
		<-said
		return c, err
	}}
	if res, err := client.RoundTrip(t.Context(), get()); err == nil {
		t.Errorf("answered %s", res.Status)
	}
}

// Answers that can be read in two ways, or in none, are errors, and their connection
// is not used again.
func TestAmbiguousAnswersAreErrors(t *testing.T) {
	for _, odd := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 2,2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n", "HTTP/1.1 200 OK\r\nX : a\r\n\r\n", "HTTP/1.1 200 OK\r\n: a\r\n\r\n", "HTTP/1.1 200 OK\r\nno field\r\n\r\n", "HTTP/1.1 200 OK\r\n X: a\r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "SSH-2.0-x\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello" + ok,
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 1001) + "\r\n", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 256<<10) + "\r\n\r\n",
		strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 65) + ok, strings.Repeat("HTTP/1.1 102 Processing\r\nX: "+strings.Repeat("x", 9<<10)+"\r\n\r\n", 30) + ok,
	} {
		a := start(t, "tcp", says(odd, true))
		if res, body, err := a.ask(get()); err == nil {
			t.Errorf("%.80q was read as %s %q", odd, res.Status, body)
		}
		a.ask(get())
		if requests, connections := a.counts(); requests != connections {
			t.Errorf("%.80q: %d requests over %d connections", odd, requests, connections)
		}
	}
}

// Bodies that are not whole, or badly framed, end in an error.
func TestBrokenBodiesAreErrors(t *testing.T) {
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, odd := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", chunked + "2\r\nok\r\n", chunked + "2\r\nok", chunked + "ff\r\nok", chunked + "2\r\nok\r\n0\r\n", chunked + "2\r\nok\r\n0\r\nX: y\r\n",
		chunked + "2\nok\n0\n\n", chunked + "2\r\nok\n0\r\n\r\n", chunked + "2\r\nokk\r\n0\r\n\r\n", chunked + "0x2\r\nok\r\n0\r\n\r\n", chunked + "+2\r\nok\r\n0\r\n\r\n", chunked + " 2\r\nok\r\n0\r\n\r\n",
		chunked + "2 \r\nok\r\n0\r\n\r\n", chunked + "\r\nok\r\n0\r\n\r\n", chunked + ";x\r\nok\r\n0\r\n\r\n", chunked + "ffffffffffffffff\r\nok", chunked + "10000000000000002\r\nok\r\n0\r\n\r\n",
		chunked + "2;" + strings.Repeat("x", 5000) + "\r\nok\r\n0\r\n\r\n", chunked + strings.Repeat("1;"+strings.Repeat("x", 2000)+"\r\nx\r\n", 20) + "0\r\n\r\n", chunked + "2;\x00\r\nok\r\n0\r\n\r\n",
		chunked + "0\r\nX\r\n\r\n", chunked + "0\r\nX: " + strings.Repeat("y", 5000) + "\r\n\r\n", chunked + "0\r\n X: y\r\n\r\n",
	} {
		a := start(t, "tcp", says(odd, false))
		if res, body, err := a.ask(get()); err == nil {
			t.Errorf("%.80q was read as a whole answer: %s %q", odd, res.Status, body)
		}
	}
}

// An answer to HEAD has no body, whatever it says of one, and one without a length
// ends with its connection.
func TestWhereAnswersEnd(t *testing.T) {
	a := start(t, "tcp", says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", true))
	r := get()
	r.Method = "HEAD"
	for range 3 {
		if res, body, err := a.ask(r); err != nil || body != "" || res.ContentLength != 100 || res.Header.Get("Content-Length") != "100" {
			t.Errorf("HEAD: %v %q, %v", res, body, err)
		}
	}
	if _, n := a.counts(); n != 1 {
		t.Errorf("three HEADs took %d connections", n)
	}
	a = start(t, "tcp", says("HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("x", 100_000), false))
	if _, body, err := a.ask(get()); err != nil || len(body) != 100_000 {
		t.Errorf("to the end: %d bytes, %v", len(body), err)
	}
	for _, last := range []string{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok"} {
		a = start(t, "tcp", says(last, true))
		a.wantOK(t)
		a.wantOK(t)
		if _, n := a.counts(); n != 2 {
			t.Errorf("%q: the connection was used again", last)
		}
	}
}

// Fields about the connection stay on it, trailers arrive, but for those that would
// say how the message is to be read.
func TestFieldsOfTheConnectionStayThere(t *testing.T) {
	a := start(t, "tcp", says("HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: x\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\nTrailer: X-Sum\r\n"+
		"Transfer-Encoding: chunked\r\nx-a: 1\r\nX-A: 2\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 9\r\nX-Late: 1\r\nHost: evil\r\nContent-Type: evil\r\n\r\n", true))
	res, body, err := a.ask(get())
	if err != nil || body != "ok" || fmt.Sprint(res.Header) != "map[X-A:[1 2]]" || fmt.Sprint(res.Trailer) != "map[X-Late:[1] X-Sum:[9]]" {
		t.Errorf("%v %q, %v", res, body, err)
	}
}

// FLT-17: a connection that the app has closed is not used, whatever the request; one
// that it closes without an answer is tried once more where that changes nothing.
func TestStaleConnections(t *testing.T) {
	for _, c := range []struct {
		method string
		body   string
		want   int // times that the app is asked
	}{{"GET", "", 3}, {"HEAD", "", 3}, {"OPTIONS", "", 2}, {"POST", "", 1}, {"DELETE", "", 1}, {"PUT", "b", 1}, {"GET", "b", 1}} {
		a := start(t, "tcp", func(c *conversation, head string) bool {
			if strings.Contains(head, "/first") {
				io.WriteString(c, ok)
				return true
			}
			return false
		})
		first := get()
		first.Target = "/first"
		a.ask(first)
		r := get()
		r.Method = c.method
		if c.body != "" {
			r.Body, r.Length = endless{}, int64(len(c.body)) // could be sent twice
		}
		if _, _, err := a.ask(r); err == nil {
			t.Errorf("%s: no error", c.method)
		}
		if n, _ := a.counts(); n != 1+c.want {
			t.Errorf("%s %q reached the app %d times, want %d", c.method, c.body, n-1, c.want)
		}
	}
	// The app's end came before the request: nothing was sent, and everything may go.
	for _, method := range []string{"GET", "POST"} {
		closed := make(chan bool)
		a := start(t, "tcp", func(c *conversation, _ string) bool {
			io.WriteString(c, ok)
			c.Close()
			closed <- true
			return false
		})
		for range 5 {
			r := get()
			if r.Method = method; method == "POST" {
				r.Body, r.Length = strings.NewReader("b"), 1
			}
			if _, body, err := a.ask(r); err != nil || body != "ok" {
				t.Errorf("%s after the app's end: %q, %v", method, body, err)
			}
			<-closed
		}
	}
}

// The connection is closed as soon as nobody waits, at every stage.
func TestTheAppHearsThatNobodyWaits(t *testing.T) {
	for _, stage := range []string{"before an answer", "in the body", "in chunks"} {
		came, gone := make(chan bool, 1), make(chan bool, 1)
		a := start(t, "tcp", func(c *conversation, _ string) bool {
			switch stage {
			case "in the body":
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
			case "in chunks":
				io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n")
			}
			came <- true
			io.Copy(io.Discard, c.in)
			gone <- true
			return false
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-came; cancel() }()
		res, err := a.client.RoundTrip(ctx, get())
		if err == nil {
			_, err = io.ReadAll(res.Body)
			res.Body.Close()
		} else if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want the context's error", stage, err)
		}
		if err == nil {
			t.Errorf("%s: no error", stage)
		}
		select {
		case <-gone:
		case <-time.After(patience):
			t.Errorf("%s: the app was not told", stage)
		}
	}
}

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

// Nothing that is sent ends a line but we.
func TestAFieldIsOneLine(t *testing.T) {
	a := start(t, "tcp", says(ok, true))
	for _, r := range []*upstream.Request{
		{Method: "GET", Target: "/", Host: "a", Header: http.Header{"X": {"a\r\nY: b"}}}, {Method: "GET", Target: "/", Host: "a", Header: http.Header{"X": {"a\nY: b"}}},
		{Method: "GET", Target: "/", Host: "a", Header: http.Header{"X\r\nY": {"a"}}}, {Method: "GET", Target: "/", Host: "a", More: []upstream.Field{{Name: "X", Value: "\x00"}}},
		{Method: "GET", Target: "/", Host: "a", More: []upstream.Field{{Name: "X", Value: "\r"}}}, {Method: "GET", Target: "/ HTTP/1.1\r\n\r\n", Host: "a"}, {Method: "GET", Target: "/", Host: "a\r\nX: y"},
	} {
		if _, _, err := a.ask(r); err == nil {
			t.Errorf("%+v was sent", r)
		}
	}
	if n, _ := a.counts(); n != 0 {
		t.Errorf("the app received %q", a.heads)
	}
}

// An answer is passed on as it comes, each part before the next is waited for.
func TestPartsAreNotHeldBack(t *testing.T) {
	for _, answer := range [][]string{
		{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "first", "secon"}, {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\nfirst\r\n", "5\r\nsecon\r\n0\r\n\r\n"},
		{"HTTP/1.1 200 OK\r\n\r\n", "first", "secon"},
	} {
		got := make(chan string)
		a := start(t, "tcp", func(c *conversation, _ string) bool {
			for i, part := range answer {
				io.WriteString(c, part)
				if want := []string{"", "first", "firstsecon"}[i]; i < 2 {
					select {
					case s := <-got:
						if s != want {
							t.Errorf("%q was flushed, want %q", s, want)
						}
					case <-time.After(patience):
						t.Errorf("part %d of %q was held back", i, answer)
					}
				}
			}
			return false
		})
		res, err := a.client.RoundTrip(t.Context(), get())
		if err != nil {
			t.Fatal(err)
		}
		to := &flushed{out: got}
		if err := res.Body.(*upstream.Body).Pass(to); err != nil || to.String() != "firstsecon" {
			t.Errorf("%q passed as %q, %v", answer, to, err)
		}
		res.Body.Close()
	}
}

type flushed struct {
	bytes.Buffer
	out chan string
}

func (f *flushed) Flush() {
	select {
	case f.out <- f.String():
	case <-time.After(100 * time.Millisecond): // nobody waits for this one
	}
}

// A large body goes from socket to socket, whole, and what is cut short is an error.
func TestLargeBodiesPass(t *testing.T) {
	const size = 3 << 20
	for _, network := range []string{"tcp", "unix"} {
		for _, sent := range []int{size, size - 1} {
			a := start(t, network, says(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)+strings.Repeat("x", sent), sent == size))
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			received := make(chan int64, 1)
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				n, _ := io.Copy(io.Discard, c)
				c.Close()
				received <- n
			}()
			to, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			res, err := a.client.RoundTrip(t.Context(), get())
			if err != nil {
				t.Fatal(err)
			}
			err = res.Body.(*upstream.Body).Pass(to)
			to.Close()
			if n := <-received; n != int64(sent) || (err == nil) != (sent == size) {
				t.Errorf("%s: %d of %d bytes passed, %v", network, n, sent, err)
			}
			res.Body.Close()
			l.Close()
		}
	}
}
