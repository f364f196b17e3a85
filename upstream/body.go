package upstream

import (
	"io"
	"net/http"
)

// framing is how an answer's body ends (RFC 9112 6.3).
type framing int

const (
	byLength framing = iota
	byChunks
	byEnd // of the connection
)

// Body is an answer's body. Its connection is kept when all of it was read, and
// closed if Close comes earlier.
type Body struct {
	client  *Client // nil: the connection is not kept
	conn    *conn   // nil: it is over
	res     *http.Response
	framing framing
	left    int64 // bytes of the body, or of the chunk
	begun   bool  // a chunk was; its end is still to be read
	excess  int   // bytes of chunked framing beyond what is usual
	err     error

	flush   http.Flusher // of whom Pass writes to
	pending bool         // something was written and not flushed
}

func (b *Body) begin(c *conn, res *http.Response) {
	b.conn, b.res = c, res
}

// arrive ends at once what has no body.
func (b *Body) arrive() {
	if b.complete() {
		b.finish()
	}
}

// complete reports whether a body of known length was read.
func (b *Body) complete() bool { return b.conn != nil && b.framing == byLength && b.left == 0 }

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	data, err := b.next(p)
	n := copy(p, data)
	if b.complete() {
		b.finish()
	}
	return n, err
}

// Close implements io.Closer.
func (b *Body) Close() error {
	if b.complete() {
		b.finish()
	}
	if b.conn != nil {
		b.fail(http.ErrBodyReadAfterClose)
	}
	return nil
}

// spliceLeast is how much must be left for the kernel to do it, in bytes.
const spliceLeast = 64 << 10

// Pass writes the body to w. What there is is not held back: before it waits for the
// app, w is flushed if it can be. A large body goes the short way, through
// w's ReadFrom, if it has one: net/http's lets the kernel carry it from one socket to
// the other.
func (b *Body) Pass(w io.Writer) error {
	b.flush, _ = w.(http.Flusher)
	b.pending = true // the head
	var lent *[32 << 10]byte
	defer func() {
		if lent != nil {
			giveBack(lent)
		}
	}()
	for {
		if b.err == nil && b.framing == byLength && b.left >= spliceLeast && len(b.conn.buffered()) == 0 {
			if to, ok := w.(io.ReaderFrom); ok {
				if err := b.splice(to); err != nil {
					return err
				}
				continue
			}
		}
		var scratch []byte
		if lent == nil && b.conn != nil && len(b.conn.buffered()) == 0 && !b.complete() {
			lent = lend()
		}
		if lent != nil {
			scratch = lent[:]
		}
		data, err := b.next(scratch)
		if len(data) > 0 {
			b.pending = true
			if _, err := w.Write(data); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// splice has w read the rest of a body by itself.
func (b *Body) splice(w io.ReaderFrom) error {
	n, err := w.ReadFrom(&io.LimitedReader{R: b.conn.Conn, N: b.left})
	b.left -= n
	if err == nil && b.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		b.fail(err)
	}
	return err
}

// next returns what comes next of the body: what was read ahead, where it lies, else
// what is read into p. It is good until the next call: only then is the connection
// given away, with what lies in its buffer.
func (b *Body) next(p []byte) ([]byte, error) {
	if b.complete() {
		b.finish()
	}
	if b.err != nil {
		return nil, b.err
	}
	if b.framing == byChunks && b.left == 0 {
		if err := b.chunk(); err != nil {
			return nil, b.fail(err)
		}
		if b.err != nil {
			return nil, b.err
		}
	}
	data := b.conn.buffered()
	if len(data) > 0 {
		if data = b.limit(data); len(p) > 0 && len(p) < len(data) {
			data = data[:len(p)]
		}
		b.conn.r += len(data)
		b.left -= int64(len(data))
		return data, nil
	}
	if len(p) == 0 { // a chunk begins with the next read
		return nil, nil
	}
	b.beforeWait()
	n, err := b.conn.Conn.Read(b.limit(p))
	b.left -= int64(n)
	if n > 0 {
		return p[:n], nil
	}
	if err == io.EOF && b.framing == byEnd {
		b.finish()
		return nil, io.EOF
	}
	if err == nil {
		return nil, nil
	}
	return nil, b.fail(unexpected(err))
}

// limit cuts p to what belongs to the body.
func (b *Body) limit(p []byte) []byte {
	if b.framing != byEnd && int64(len(p)) > b.left {
		return p[:b.left]
	}
	return p
}

func (b *Body) beforeWait() {
	if b.pending && b.flush != nil {
		b.flush.Flush()
		b.pending = false
	}
}

// fail ends the body and its connection with err.
func (b *Body) fail(err error) error {
	if c := b.conn; c != nil {
		b.conn = nil
		c.body = nil
		c.discard()
	}
	b.err = err
	return err
}

// finish is at the end of a whole answer.
func (b *Body) finish() {
	c := b.conn
	b.conn, b.err = nil, io.EOF
	c.body = nil
	reuse := !b.res.Close && c.raw != nil && len(c.buffered()) == 0 && (c.send == nil || c.send.whole())
	if !c.letGo() || !reuse || b.client == nil {
		c.discard()
		return
	}
	c.stop, c.line, c.send = nil, nil, nil
	c.r, c.w = 0, 0
	if len(c.buf) > bufferSize {
		c.buf = make([]byte, bufferSize)
	}
	b.client.idle.put(c)
}
