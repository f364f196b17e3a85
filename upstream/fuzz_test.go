package upstream

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
	"time"
)

// script is a connection on which the app says what it says, whatever it is asked, and
// then closes.
type script struct{ *bytes.Reader }

func (script) Write(p []byte) (int, error)      { return len(p), nil }
func (script) Close() error                     { return nil }
func (script) LocalAddr() net.Addr              { return nil }
func (script) RemoteAddr() net.Addr             { return nil }
func (script) SetDeadline(time.Time) error      { return nil }
func (script) SetReadDeadline(time.Time) error  { return nil }
func (script) SetWriteDeadline(time.Time) error { return nil }

// reading is how one reader understood an answer.
type reading struct {
	status  int
	header  http.Header
	trailer http.Header
	body    string
	end     int // how much of the stream was the answer's
}

// ours reads an answer as RoundTrip does; ok: it was taken, to its end.
func ours(stream []byte, method string) (r reading, ok bool) {
	app := script{bytes.NewReader(stream)}
	c := newConn(app)
	c.stop = func() bool { return true }
	a, err := c.answer(&Request{Method: method})
	if err != nil {
		return r, false
	}
	body, err := io.ReadAll(&a.body)
	if err != nil {
		return r, false
	}
	r = reading{a.StatusCode, a.Header, a.Trailer, string(body), len(stream) - app.Len() - len(c.buffered())}
	return r, true
}

// theirs reads one as net/http does.
func theirs(stream []byte, method string) (r reading, err error) {
	from := bytes.NewReader(stream)
	in := bufio.NewReader(from)
	for {
		begin := len(stream) - from.Len() - in.Buffered()
		res, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return r, err
		}
		if res.StatusCode < 200 && res.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return r, err
		}
		withoutHops(res.Header, connectionOf(stream[begin:]))
		return reading{res.StatusCode, res.Header, res.Trailer, string(body), len(stream) - from.Len() - in.Buffered()}, nil
	}
}

// connectionOf returns the Connection lines of a head. ReadResponse takes them all
// away when one says "close", also what else they say.
func connectionOf(head []byte) []string {
	r := textproto.NewReader(bufio.NewReader(bytes.NewReader(head)))
	r.ReadLine()
	h, _ := r.ReadMIMEHeader()
	return h["Connection"]
}

// withoutHops leaves of a header what is not about the connection.
func withoutHops(h http.Header, connection []string) {
	for _, line := range connection {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.Trim(name, " \t"); name != "" {
				h.Del(name)
			}
		}
	}
	for _, name := range []string{
		"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	} {
		h.Del(name)
	}
}

// answers are what apps say, in good order and in bad.
func answers() []string {
	return []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nto the end",
		"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nextra", "HTTP/1.1 200\r\nX:\ty \r\nx: z\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n00;a=b\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\nTrailer: X-Sum\r\n\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\nmore",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
		"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nX : a\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 \r\nok\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\nok\r\n0\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: content-length\r\n\r\nok", "garbage\r\n\r\n",
	}
}

// FuzzAnswer: whatever is taken for an answer, net/http takes too, and finds in it the
// same status, fields, body and trailers and the same end: there is no answer that two
// readers read in two ways (SEC-SMUG-13).
func FuzzAnswer(f *testing.F) {
	for _, stream := range answers() {
		f.Add([]byte(stream), false)
		f.Add([]byte(stream), true)
	}
	f.Fuzz(func(t *testing.T, stream []byte, head bool) {
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		got, ok := ours(stream, method)
		if !ok {
			return
		}
		want, err := theirs(stream, method)
		if err != nil {
			t.Fatalf("%q was taken, as %+v; net/http says %v", stream, got, err)
		}
		for name := range want.trailer {
			if !mayTrail(name) {
				delete(want.trailer, name)
			}
		}
		if got.status != want.status || got.body != want.body || got.end != want.end ||
			len(got.header)+len(want.header) > 0 && !reflect.DeepEqual(got.header, want.header) ||
			len(got.trailer)+len(want.trailer) > 0 && !reflect.DeepEqual(got.trailer, want.trailer) {
			t.Errorf("%q was read as\n%+v, by net/http as\n%+v", stream, got, want)
		}
	})
}
