package upstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
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

// NTLM and Negotiate sign in a connection: nobody else gets it.
func TestAConnectionThatSomebodySignedInServesNobodyElse(t *testing.T) {
	for _, scheme := range []string{"NTLM", "Negotiate", "negotiate", " ntlm"} {
		a := start(t, "tcp", says(ok, true))
		for range 2 {
			a.wantOK(t)
			r := get()
			r.Header.Set("Authorization", scheme+" TlRMTVNTUAAB")
			if _, body, err := a.ask(r); body != "ok" || err != nil {
				t.Fatalf("%q, %v", body, err)
			}
		}
		if _, n := a.counts(); n != 2 {
			t.Errorf("%s: %d connections, want one for each sign-in", scheme, n)
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
		for _, sent := range []int{size, size - 1, size - 200_000} {
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
