package proxy

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"sync/atomic"
)

// appTransport is http.Transport as an app behind a gate needs it: what the app
// says ahead of its answer is cleaned like the answer, and what it says behind it
// does not get into somebody else's.
type appTransport struct{ *http.Transport }

// RoundTrip implements http.RoundTripper. http.Transport asks again when a connection
// that it had kept proves stale. An app that stops also cuts connections that it had
// not taken yet, and has not seen their requests: what may be asked twice (RFC 9110
// 9.2.2) is asked once more there too, so that a restart costs nobody a page.
func (t appTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, cut, err := t.ask(r)
	if err != nil && cut && mayBeAskedTwice(r) && r.Context().Err() == nil {
		res, _, err = t.ask(r)
	}
	return res, err
}

func mayBeAskedTwice(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && (r.Body == nil || r.Body == http.NoBody)
}

// ask sends the request. cut reports that it had a connection, and that this ended
// before the app said a word.
func (t appTransport) ask(r *http.Request) (res *http.Response, cut bool, err error) {
	var connected, answered atomic.Bool
	trace := &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			connected.Store(true)
			awaitReader(got.Conn)
		},
		GotFirstResponseByte: func() { answered.Store(true) },
		// ReverseProxy passes interim answers (103 Early Hints) on from a trace of its
		// own. The trace that was added last, this one, is called first.
		Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
			removeHopByHop(http.Header(h))
			cleanAnswer(http.Header(h))
			return nil
		},
	}
	ctx := context.WithValue(r.Context(), askerKey{}, r.Context())
	res, err = t.Transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(ctx, trace)))
	return res, connected.Load() && !answered.Load(), err
}

type askerKey struct{}

// askerOf returns the context of the request for which a connection is made.
// http.Transport hides from a dial that its request is over, since another may want
// the connection; but while it stands in line there is none, and others have their
// own place.
func askerOf(ctx context.Context) context.Context {
	if asker, ok := ctx.Value(askerKey{}).(context.Context); ok {
		return asker
	}
	return ctx
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
