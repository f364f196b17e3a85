package upstream_test

import (
	"fmt"
	"strings"
	"testing"
)

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
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n" + ok, "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n" + ok,
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
	for _, odd := range []string{"Content-Length: 6", "Transfer-Encoding: chunked"} {
		a = start(t, "tcp", says("HTTP/1.1 204 No Content\r\n"+odd+"\r\n\r\n", true))
		a.ask(get())
		a.ask(get())
		if _, n := a.counts(); n != 2 {
			t.Errorf("a 204 with %s: what cannot be there may come, and the connection was used again", odd)
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
