package proxy

import (
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
)

// appTransport is http.Transport as an app behind a gate needs it: what the app
// says ahead of its answer is cleaned like the answer, and what it says behind it
// does not get into somebody else's.
type appTransport struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (t appTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) { awaitReader(got.Conn) },
		// ReverseProxy passes interim answers (103 Early Hints) on from a trace of its
		// own. The trace that was added last, this one, is called first.
		Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
			removeHopByHop(http.Header(h))
			cleanAnswer(http.Header(h))
			return nil
		},
	}
	return t.Transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
}

// readerConn knows whether somebody waits in Read.
//
// http.Transport lends a connection to the next request a moment before it looks
// whether the app has sent more than its answer. In that moment bytes too many,
// such as a second answer that an attacker got the app to write, would be taken
// for the next person's (SEC-SMUG-13). A reader that waits has read everything.
type readerConn struct {
	net.Conn
	mu      sync.Mutex
	changed sync.Cond
	waits   bool
	closed  bool
}

func newReaderConn(c net.Conn) *readerConn {
	r := &readerConn{Conn: c}
	r.changed.L = &r.mu
	return r
}

// Read implements net.Conn.
func (c *readerConn) Read(p []byte) (int, error) {
	c.set(&c.waits, true)
	defer c.set(&c.waits, false)
	return c.Conn.Read(p)
}

// Close implements net.Conn.
func (c *readerConn) Close() error {
	c.set(&c.closed, true)
	return c.Conn.Close()
}

func (c *readerConn) set(state *bool, value bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*state = value
	c.changed.Broadcast()
}

// awaitReader waits until what came over a connection that is lent has been read,
// or found to be too much and the connection closed.
func awaitReader(c net.Conn) {
	if secure, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = secure.NetConn()
	}
	r, ok := c.(*readerConn)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.waits && !r.closed {
		r.changed.Wait()
	}
}
