package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	// maxHead bounds the heads of an answer together, interim ones included, in bytes.
	maxHead = 256 << 10
	// maxInterim bounds how many answers come ahead of the final one.
	maxInterim = 64
)

var (
	errTooLong = errors.New("upstream: the head of the app's answer is too long")
	errBareLF  = errors.New("upstream: a line of the app's answer ends without CR")
	errNotHTTP = errors.New("upstream: the app does not answer in HTTP/1")
	errInterim = errors.New("upstream: too many interim answers")
	errUpgrade = errors.New("upstream: the app upgraded a request that asked for nothing")
)

// answer is what RoundTrip returns, in one piece.
type answer struct {
	http.Response
	body Body
}

// ask sends a request and reads the head of its answer.
func (c *conn) ask(r *Request, h *head) (*answer, error) {
	if err := c.put(h); err != nil {
		if err == errStale || err == errSpoke {
			return nil, err
		}
		return nil, &cutError{err}
	}
	if !h.whole {
		c.startSending(r)
	}
	a, err := c.answer(r)
	if err != nil && c.send != nil {
		if broken := c.send.failed(); broken != nil {
			return nil, broken
		}
	}
	return a, err
}

// answer reads heads up to the final one.
func (c *conn) answer(r *Request) (*answer, error) {
	if len(c.buffered()) == 0 {
		if err := c.fill(maxHead); err != nil {
			return nil, &cutError{err}
		}
	}
	left := maxHead
	for range maxInterim {
		text, err := c.head(left)
		if err != nil {
			return nil, err
		}
		left -= len(text)
		a := new(answer)
		if err := a.parse(text, r.Method); err != nil {
			return nil, err
		}
		switch {
		case a.StatusCode == http.StatusSwitchingProtocols:
			return nil, errUpgrade
		case a.StatusCode >= 200:
			if c.send != nil {
				c.send.answered.Store(true)
			}
			a.Response.Body = &a.body
			a.body.begin(c, &a.Response)
			return a, nil
		case a.StatusCode == http.StatusContinue && c.send != nil:
			c.send.want()
		}
		if r.Peer != nil {
			r.Peer.Interim(a.StatusCode, a.Header)
		}
	}
	return nil, errInterim
}

// head reads the lines up to an empty one and returns them, each with its end.
func (c *conn) head(limit int) (string, error) {
	for line, from := 0, 0; ; {
		b := c.buffered()
		i := bytes.IndexByte(b[from:], '\n')
		if at := from + i; i >= 0 && at < limit {
			switch {
			case at == 0 || b[at-1] != '\r':
				return "", errBareLF
			case at-1 == line:
				c.r += at + 1
				return string(b[:line]), nil
			}
			line, from = at+1, at+1
			continue
		}
		if from = len(b); from >= limit {
			return "", errTooLong
		}
		if err := c.fill(limit); err != nil {
			return "", err
		}
	}
}

// readLine reads one line, and returns it without its end.
func (c *conn) readLine(limit int) ([]byte, error) {
	for from := 0; ; {
		b := c.buffered()
		if i := bytes.IndexByte(b[from:], '\n'); i >= 0 {
			at := from + i
			if at == 0 || b[at-1] != '\r' {
				return nil, errBareLF
			}
			c.r += at + 1
			return b[:at-1], nil
		}
		if from = len(b); from >= limit {
			return nil, errTooLong
		}
		if err := c.fill(limit); err != nil {
			return nil, err
		}
	}
}

// parse reads a head: what it says to the browser, and of it what it says to us.
func (a *answer) parse(text, method string) error {
	status, rest, ok := strings.Cut(text, "\r\n")
	if !ok || len(status) < len("HTTP/1.1 200") || status[:7] != "HTTP/1." || status[8] != ' ' || len(status) > 12 && status[12] != ' ' {
		return errNotHTTP
	}
	minor, code := status[7]-'0', 0
	for _, b := range []byte(status[9:12]) {
		if b < '0' || b > '9' {
			return errNotHTTP
		}
		code = 10*code + int(b-'0')
	}
	if minor > 1 || code < 100 || !visible(status[12:]) {
		return errNotHTTP
	}
	a.StatusCode, a.Status = code, status[9:]
	a.Proto, a.ProtoMajor, a.ProtoMinor = status[:8], 1, int(minor)
	var told told
	header, err := parseFields(rest, &told)
	if err != nil {
		return err
	}
	a.Header = header
	for _, line := range told.connection {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.Trim(name, " \t")
			if a.Close = a.Close || strings.EqualFold(name, "close"); name != "" {
				header.Del(name)
			}
		}
	}
	if err := a.frame(&told, method); err != nil || len(told.encoding) == 0 {
		return err
	}
	for _, line := range told.trailer {
		if err := a.announce(line); err != nil {
			return err
		}
	}
	return nil
}

// announce notes the names of a Trailer field.
func (a *answer) announce(line string) error {
	for name := range strings.SplitSeq(line, ",") {
		name = http.CanonicalHeaderKey(strings.Trim(name, " \t"))
		if name == "Content-Length" || name == "Transfer-Encoding" || name == "Trailer" {
			return errField
		}
		if mayTrail(name) {
			if a.Trailer == nil {
				a.Trailer = make(http.Header)
			}
			a.Trailer[name] = nil
		}
	}
	return nil
}

// frame finds out where the answer ends (RFC 9112 6.3).
func (a *answer) frame(told *told, method string) error {
	length, err := told.bodyLength()
	if err != nil {
		return err
	}
	if len(told.encoding) > 0 {
		if a.ProtoMinor == 0 || len(told.encoding) > 1 || !strings.EqualFold(told.encoding[0], "chunked") || len(told.length) > 0 {
			// Both lengths at once is how one answer is made to look like two (6.3).
			return fmt.Errorf("upstream: the app's answer has Transfer-Encoding %.40q in HTTP/1.%d beside %d lengths", told.encoding, a.ProtoMinor, len(told.length))
		}
		a.TransferEncoding = []string{"chunked"}
	}
	a.Close = a.Close || a.ProtoMinor == 0
	a.ContentLength = length
	switch encoded := len(told.encoding) > 0; {
	case a.StatusCode < 200:
		if encoded || length > 0 {
			return errors.New("upstream: an interim answer with a body")
		}
	case a.StatusCode == http.StatusNoContent:
		// If what cannot be there comes, it is not for the next one.
		a.Close = a.Close || encoded || length > 0
		fallthrough
	case method == http.MethodHead, a.StatusCode == http.StatusNotModified:
		a.body.framing = byLength
	case encoded:
		a.body.framing = byChunks
	case length >= 0:
		a.body.framing, a.body.left = byLength, length
	default:
		a.body.framing, a.Close = byEnd, true
	}
	return nil
}

// bodyLength is what Content-Length says; -1: nothing.
func (t *told) bodyLength() (int64, error) {
	if len(t.length) == 0 {
		return -1, nil
	}
	n := int64(0)
	for _, b := range []byte(t.length[0]) {
		if b < '0' || b > '9' || n > (1<<63-1-9)/10 {
			return 0, fmt.Errorf("upstream: the app's answer has Content-Length %.40q", t.length[0])
		}
		n = 10*n + int64(b-'0')
	}
	if len(t.length) > 1 || t.length[0] == "" {
		return 0, fmt.Errorf("upstream: the app's answer has Content-Length %.40q", t.length)
	}
	return n, nil
}

// unexpected is the end where more was to come.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
