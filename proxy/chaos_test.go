package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// chaosTime is how long a test of chaos goes on: CHAOS_TIME if that is set, as to 10m.
func chaosTime() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("CHAOS_TIME")); err == nil {
		return d
	}
	return 4 * time.Second
}

// chance is true in one of n cases.
func chance(n int) bool { return rand.IntN(n) == 0 }

func dawdle() {
	switch {
	case chance(100):
		time.Sleep(time.Duration(rand.IntN(120)) * time.Millisecond) // some hear of leavers by then
	case chance(3):
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
	}
}

// chaotic is an app that frames its answers in all ways there are, breaks them off, and
// says more than it was asked.
type chaotic struct {
	t *testing.T
}

// text is what belongs to the request of a mark: n lines of it.
func text(mark string, n int) string { return strings.Repeat(mark+"\n", n) }

func (a chaotic) serve(c net.Conn, in *bufio.Reader) {
	c.SetDeadline(time.Now().Add(time.Hour))
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		mark := req.Header.Get("X-Mark")
		if who := req.Header.Get("X-User-Email"); !strings.HasPrefix(mark, who+" ") {
			a.t.Errorf("the request of %q came as %q's", mark, who)
		}
		early := chance(6)
		if !early && !a.read(req, mark) || chance(40) {
			return
		}
		dawdle()
		if !a.answer(c, req, mark) {
			if chance(3) {
				c.(*net.TCPConn).SetLinger(0) // a reset
			}
			return
		}
		if early && !a.read(req, mark) {
			return
		}
	}
}

// read reads a request's body. What seems whole has to be, and theirs.
func (a chaotic) read(req *http.Request, mark string) bool {
	body, err := io.ReadAll(req.Body)
	if got := string(body); err == nil && req.Method == "POST" && got != text(mark, strings.Count(got, "\n")) {
		a.t.Errorf("the body of %q has something else in it", mark)
	}
	if want := req.Header.Get("X-Lines"); err == nil && want != "" && want != fmt.Sprint(bytes.Count(body, []byte("\n"))) {
		a.t.Errorf("the app took %d lines of %q for the whole body, of %s", bytes.Count(body, []byte("\n")), mark, want)
	}
	return err == nil
}

const poison = "HTTP/1.1 200 OK\r\nX-Mark: poison\r\nContent-Length: 6\r\n\r\npoison"

// answer reports whether the connection goes on.
func (a chaotic) answer(c net.Conn, req *http.Request, mark string) bool {
	var out bytes.Buffer
	for chance(5) {
		fmt.Fprintf(&out, "HTTP/1.1 103 Early Hints\r\nX-Mark: %s\r\n\r\n", mark)
	}
	body, keep := text(mark, rand.IntN(30)), true
	if chance(8) {
		body = text(mark, rand.IntN(6000)) // what the kernel may carry
	}
	head := "X-Mark: " + mark + "\r\n"
	if chance(10) {
		head, keep = head+"Connection: close\r\n", false
	}
	switch kind := rand.IntN(9); {
	case kind == 0:
		fmt.Fprintf(&out, "HTTP/1.1 %d None\r\n%s\r\n", []int{204, 304}[rand.IntN(2)], head)
	case kind == 1 && req.Method != "HEAD":
		fmt.Fprintf(&out, "HTTP/1.%d 200 OK\r\n%s\r\n%s", rand.IntN(2), head, body)
		keep = false
	case kind < 5:
		out.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + head + "\r\n")
		if req.Method != "HEAD" {
			writeChunks(&out, body, mark)
		}
	default:
		fmt.Fprintf(&out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n", len(body), head)
		if req.Method != "HEAD" {
			out.WriteString(body)
		}
	}
	return a.send(c, out.Bytes(), keep)
}

func writeChunks(out *bytes.Buffer, body, mark string) {
	for body != "" {
		n := min(len(body), 1+rand.IntN(3000))
		extension := ""
		if chance(4) {
			extension = ";x=y"
		}
		fmt.Fprintf(out, "%x%s\r\n%s\r\n", n, extension, body[:n])
		body = body[n:]
	}
	out.WriteString("0\r\n")
	if chance(2) {
		out.WriteString("X-Sum: " + mark + "\r\n")
	}
	out.WriteString("\r\n")
}

// send sends an answer in one piece or several, with more behind it or not all of it.
func (a chaotic) send(c net.Conn, b []byte, keep bool) bool {
	if chance(15) {
		b, keep = b[:rand.IntN(len(b))], false
	} else if keep && len(b) < 8<<10 && chance(8) {
		// In one write: what comes by itself, later, nobody can tell from an answer.
		_, err := c.Write(append(b, poison[:1+rand.IntN(len(poison))]...))
		return err == nil
	}
	for len(b) > 0 {
		n := len(b)
		if chance(3) {
			n = 1 + rand.IntN(n)
		}
		if _, err := c.Write(b[:n]); err != nil {
			return false
		}
		if b = b[n:]; len(b) > 0 {
			dawdle()
		}
	}
	return keep
}

// SEC-ISO-02, SEC-ISO-03, SEC-SMUG-13: whatever the app does to its answers, and
// whenever people leave or their sessions end, no byte of an answer reaches anybody but
// whoever asked, and no part of a body passes for the whole.
func TestChaosMixesNobodyUp(t *testing.T) {
	checkLeaks(t)
	g := start(t, setup{upstream: rawApp(t, chaotic{t}.serve)})
	until := time.Now().Add(chaosTime())
	var emails []string
	const persons = 40
	for i := range persons {
		emails = append(emails, emailOf(i))
	}
	g.admit(t, emails...)
	var asked, whole atomic.Int64
	var all sync.WaitGroup
	for i := range persons {
		all.Go(func() {
			id := alice()
			id.Subject, id.Email = fmt.Sprint("1001", i), emailOf(i)
			p := &person{t: t, g: g, email: id.Email, cookie: g.signIn(t, id), whole: &whole}
			for time.Now().Before(until) && !t.Failed() {
				asked.Add(1)
				if chance(300) { // and the next request is under way meanwhile
					cookie := p.cookie
					all.Go(func() { g.endSession(t, cookie) })
				}
				if err := p.ask(); err != nil {
					p.leave()
					p.cookie = g.signIn(t, id)
				}
			}
			p.leave()
		})
	}
	all.Wait()
	t.Logf("%d requests, %d whole answers", asked.Load(), whole.Load())
	if whole.Load() < asked.Load()/4 {
		t.Error("too few answers came whole for the test to mean anything")
	}
}
