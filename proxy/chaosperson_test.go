package proxy_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// person is a browser of somebody's, who aborts what they ask at random.
type person struct {
	t      *testing.T
	g      *rig
	email  string
	cookie string
	n      int
	whole  *atomic.Int64 // answers that came whole

	conn *net.TCPConn
	in   *bufio.Reader
}

var errLeft = errors.New("left")

// ask makes one request, over the connection there is if there is one.
func (p *person) ask() error {
	if p.conn == nil {
		c, err := net.Dial("tcp", p.g.addr)
		if err != nil {
			return err
		}
		p.conn = c.(*net.TCPConn)
		p.conn.SetDeadline(time.Now().Add(time.Hour))
		p.in = bufio.NewReader(c)
	}
	p.n++
	mark := fmt.Sprintf("%s %d", p.email, p.n)
	method := []string{"GET", "GET", "HEAD", "POST", "POST"}[rand.IntN(5)]
	if err := p.send(method, mark); err != nil {
		return err
	}
	if chance(20) {
		dawdle()
		return errLeft
	}
	return p.receive(method, mark)
}

// send sends the request, or a part of it.
func (p *person) send(method, mark string) error {
	var out bytes.Buffer
	lines := []string{p.cookie, "X-Mark: " + mark}
	if method != "POST" {
		out.WriteString(message(method, "/", lines...))
	} else {
		n := rand.IntN(3000)
		body := text(mark, n)
		lines = append(lines, fmt.Sprint("X-Lines: ", n))
		if chance(2) {
			out.WriteString(message(method, "/", append(lines, fmt.Sprint("Content-Length: ", len(body)))...) + body)
		} else {
			out.WriteString(message(method, "/", append(lines, "Transfer-Encoding: chunked")...))
			writeChunks(&out, body, mark)
		}
	}
	b, cut := out.Bytes(), chance(12)
	if cut {
		b = b[:rand.IntN(len(b))]
	}
	for len(b) > 0 {
		n := min(len(b), 1+rand.IntN(20_000))
		if _, err := p.conn.Write(b[:n]); err != nil {
			return err
		}
		if b = b[n:]; len(b) > 0 {
			dawdle()
		}
	}
	if cut {
		return errLeft
	}
	return nil
}

// receive reads the answer, or a part of it. What comes has to be this request's.
func (p *person) receive(method, mark string) error {
	res, err := http.ReadResponse(p.in, &http.Request{Method: method})
	if err != nil {
		return err
	}
	if res.StatusCode == http.StatusBadGateway || res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusServiceUnavailable {
		_, err := io.Copy(io.Discard, res.Body)
		return closes(res, err)
	}
	if got := res.Header.Get("X-Mark"); got != mark {
		p.t.Errorf("%s %q was answered %s for %q", method, mark, res.Status, got)
		return errLeft
	}
	if res.StatusCode == http.StatusEarlyHints {
		return p.receive(method, mark)
	}
	for lines := bufio.NewReader(res.Body); ; {
		line, err := lines.ReadString('\n')
		if err == io.EOF && line == "" {
			break
		}
		if line != mark+"\n" && (err == nil || !strings.HasPrefix(mark+"\n", line)) {
			p.t.Errorf("in the answer to %q stands %q", mark, line)
		}
		if err != nil || chance(2000) {
			return errLeft
		}
	}
	if got := res.Trailer.Get("X-Sum"); got != "" && got != mark {
		p.t.Errorf("the answer to %q has the trailer of %q", mark, got)
	}
	p.whole.Add(1)
	return closes(res, nil)
}

// closes is err, or errLeft where the answer ends its connection.
func closes(res *http.Response, err error) error {
	if err == nil && res.Close {
		return errLeft
	}
	return err
}

func (p *person) leave() {
	if p.conn != nil {
		if chance(3) {
			p.conn.SetLinger(0)
		}
		p.conn.Close()
		p.conn = nil
	}
}
