package proxy

import (
	"cmp"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"sync/atomic"
	"time"

	"sidegate/upstream"
)

// newTransport returns what speaks HTTP over TLS.
func (u *Upstream) newTransport() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := u.dialInTurn(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return newReaderConn(conn), nil
		},
		TLSHandshakeTimeout: dialTime,
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     60 * time.Second,
		// The app's answer is passed on as it is, so the transport must not ask
		// for a compression that the browser did not.
		DisableCompression:     true,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// secureTransport is http.Transport as an app behind a gate needs it, for TLS: what
// the app says behind its answer does not get into somebody else's.
type secureTransport struct {
	app *Upstream
	*http.Transport
}

// RoundTrip implements asker. http.Transport asks again when a connection
// that it had kept proves stale. An app that stops also cuts connections that it had
// not taken yet, and has not seen their requests: what may be asked twice (RFC 9110
// 9.2.2) is asked once more there too, so that a restart costs nobody a page.
func (t secureTransport) RoundTrip(ctx context.Context, r *upstream.Request) (*http.Response, error) {
	asked := ctx
	if r.Line != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx) // net/http ends it with the request
		if !r.Line.Hold(cancel) {
			cancel()
			return nil, cmp.Or(asked.Err(), upstream.ErrCut)
		}
	}
	out := t.request(r)
	res, cut, err := t.exchange(ctx, out, r.Peer)
	if err != nil && cut && mayBeAskedTwice(out) && ctx.Err() == nil {
		res, _, err = t.exchange(ctx, out, r.Peer)
	}
	if err != nil && r.Line != nil && !r.Line.Release() {
		err = cmp.Or(asked.Err(), upstream.ErrCut)
	}
	if b, ok := out.Body.(*lentBody); ok && err != nil {
		b.Close()
	} else if ok {
		res.Body = &lastingBody{res.Body, b}
	}
	return res, err
}

// request is r as net/http has it.
func (t secureTransport) request(r *upstream.Request) *http.Request {
	out := &http.Request{
		Method: r.Method, Host: r.Host, Header: maps.Clone(r.Header), ContentLength: r.Length, Trailer: r.Trailer,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Close: r.BindsConnection(),
	}
	out.URL, _ = targetURL(r.Target)
	out.URL.Scheme, out.URL.Host = t.app.scheme, t.app.host
	for _, f := range r.More {
		out.Header[f.Name] = []string{f.Value}
	}
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = []string{""} // else net/http would add its own
	}
	if r.Body != nil {
		out.Body = &lentBody{Reader: r.Body}
	}
	return out
}

// lentBody is a request's body that http.Transport may read but not close, and no
// longer than its owner is there: a read that begins later would be of the next
// request's bytes.
type lentBody struct {
	io.Reader
	over atomic.Bool
}

// Read implements io.Reader.
func (b *lentBody) Read(p []byte) (int, error) {
	if b.over.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.Reader.Read(p)
}

// Close implements io.Closer.
func (b *lentBody) Close() error {
	b.over.Store(true)
	return nil
}

// lastingBody is an answer's body, at whose end the request's ends as well.
type lastingBody struct {
	io.ReadCloser
	request *lentBody
}

// Close implements io.Closer.
func (b *lastingBody) Close() error {
	b.request.Close()
	return b.ReadCloser.Close()
}

func mayBeAskedTwice(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Body == nil
}

// exchange sends the request. cut reports that it had a connection, and that this ended
// before the app said a word.
func (t secureTransport) exchange(ctx context.Context, r *http.Request, peer upstream.Peer) (res *http.Response, cut bool, err error) {
	var connected, answered atomic.Bool
	var mu sync.Mutex // http.Transport calls from a goroutine of its own, and maybe late
	over := false
	trace := &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			connected.Store(true)
			awaitReader(got.Conn)
		},
		GotFirstResponseByte: func() { answered.Store(true) },
		Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
			mu.Lock()
			defer mu.Unlock()
			if !over && peer != nil {
				peer.Interim(status, http.Header(h))
			}
			return nil
		},
	}
	asked := context.WithValue(ctx, askerKey{}, ctx)
	res, err = t.Transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(asked, trace)))
	mu.Lock()
	defer mu.Unlock()
	over = true
	if err == nil {
		removeHopByHop(res.Header)
	}
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
