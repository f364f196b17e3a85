package upstream

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
)

// Client asks one app. It is safe for concurrent use, and must not be copied.
type Client struct {
	// Dial opens a connection to the app.
	Dial func(context.Context) (net.Conn, error)

	idle pool
}

// Request is what is asked. It is sent as it stands: whoever makes it has cleaned it.
type Request struct {
	Method, Target, Host string

	// Header and then More are the fields to send; none of them may say how long the
	// body is.
	Header http.Header
	More   []Field

	Body    io.Reader   // nil: none
	Length  int64       // of Body in bytes; -1: not known
	Trailer http.Header // its keys are announced, and its values sent after a Body of unknown length
	Expect  bool        // Body waits for the app's 100 Continue, for a second at most

	Peer Peer  // nil: Body never waits for long, and nobody wants interim answers
	Line *Line // nil: the context alone ends the request
}

// Peer is whom a request comes from, as far as it is asked while that is under way. It
// is called by who calls RoundTrip or reads the answer.
type Peer interface {
	// Interim is called with each answer ahead of the final one (RFC 9110 15.2).
	Interim(status int, h http.Header)
	// Stop has a read of Body return that waits. It is called when nobody wants the
	// rest: what reads Body has ended before RoundTrip fails, and before the end of the
	// answer's body or its Close.
	Stop()
}

// Field is one line of a head.
type Field struct{ Name, Value string }

// errStale says of a connection that was kept that nothing was sent over it: the app
// had closed it, or said something that it was not asked.
var errStale = errors.New("upstream: the kept connection cannot be used")

// cutError is the end of a connection ahead of the first byte of an answer.
type cutError struct{ err error }

func (e *cutError) Error() string {
	return "upstream: the app closed the connection without an answer: " + e.err.Error()
}
func (e *cutError) Unwrap() error { return e.err }

// RoundTrip sends r and returns the head of the app's answer, whose body has to be
// closed. Fields that are about the connection are not in its header; what trailers
// there are is in Trailer once the body is read. The connection is closed as soon as
// ctx is done, and then the error is ctx's; or as soon as r's Line is cut, if it has
// one, in the place of ctx.
//
// What may be asked twice (RFC 9110 9.2.2) is asked again where a connection ended
// before the app said a word: an app that restarts costs nobody a page. That is a
// GET, HEAD or OPTIONS without a body over a connection that was kept, and once more
// a GET or HEAD over a new one, as an app that stops cuts also what it had not
// accepted yet.
func (c *Client) RoundTrip(ctx context.Context, r *Request) (*http.Response, error) {
	head, err := r.prepare()
	if err != nil {
		return nil, err
	}
	defer head.release()
	for {
		kept := c.idle.take()
		if kept == nil {
			break
		}
		res, err := c.over(ctx, kept, r, head)
		if errors.Is(err, errStale) {
			continue
		}
		if err == nil || !cut(err) || !r.mayRepeat(true) || ctx.Err() != nil {
			return res, err
		}
		break
	}
	res, err := c.anew(ctx, r, head)
	if err != nil && cut(err) && r.mayRepeat(false) && ctx.Err() == nil {
		res, err = c.anew(ctx, r, head)
	}
	return res, err
}

func cut(err error) bool {
	_, ok := errors.AsType[*cutError](err)
	return ok
}

// mayRepeat reports whether r may reach the app twice.
func (r *Request) mayRepeat(kept bool) bool {
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead || kept && r.Method == http.MethodOptions
	return safe && r.Body == nil
}

// anew asks over a new connection.
func (c *Client) anew(ctx context.Context, r *Request, head *head) (*http.Response, error) {
	plain, err := c.dial(ctx, r.Line)
	if err != nil {
		return nil, err
	}
	return c.over(ctx, newConn(plain), r, head)
}

// dial opens a connection, unless the line is cut.
func (c *Client) dial(ctx context.Context, line *Line) (net.Conn, error) {
	if line == nil {
		return c.Dial(ctx)
	}
	dialing, cancel := context.WithCancel(ctx)
	defer cancel()
	if !line.Hold(cancel) {
		return nil, cmp.Or(ctx.Err(), ErrCut)
	}
	conn, err := c.Dial(dialing)
	if !line.Release() && err != nil {
		err = cmp.Or(ctx.Err(), ErrCut)
	}
	return conn, err
}

// over asks over a connection, which then belongs to the answer, or is closed.
func (c *Client) over(ctx context.Context, conn *conn, r *Request, head *head) (*http.Response, error) {
	if conn.line = r.Line; r.Line != nil {
		if !r.Line.Hold(conn.abort) {
			conn.discard()
			return nil, cmp.Or(ctx.Err(), ErrCut)
		}
	} else {
		conn.stop = context.AfterFunc(ctx, conn.abort)
	}
	res, err := conn.ask(r, head)
	if err == nil {
		if !r.BindsConnection() {
			res.body.client = c
		}
		res.body.arrive()
		return &res.Response, nil
	}
	left := ctx.Err() // before Stop, which may end the context as well
	if !conn.letGo() {
		err = ErrCut
	}
	conn.discard()
	return nil, cmp.Or(left, err)
}

// CloseIdle closes the connections that are kept.
func (c *Client) CloseIdle() { c.idle.close() }
