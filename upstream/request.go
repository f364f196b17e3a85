package upstream

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// maxSpare bounds a buffer that is used again, in bytes.
const maxSpare = 32 << 10

// head is a request's head as bytes. whole says that there is no body to send.
type head struct {
	bytes []byte
	whole bool
}

var errInjected = errors.New("upstream: a field of the request would be two")

// spareHeads are buffers for heads.
var spareHeads = sync.Pool{New: func() any { return new(head) }}

func (h *head) release() {
	if cap(h.bytes) <= maxSpare {
		spareHeads.Put(h)
	}
}

// prepare writes the head.
func (r *Request) prepare() (*head, error) {
	h := spareHeads.Get().(*head)
	err := r.write(h)
	if err != nil {
		h.release()
		return nil, err
	}
	return h, nil
}

func (r *Request) write(h *head) error {
	b := append(h.bytes[:0], r.Method...)
	b = append(b, ' ')
	b = append(b, r.Target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(append(b, r.Host...), "\r\n"...)
	lines := 3 // with the empty one at the end
	for name, values := range r.Header {
		for _, value := range values {
			b = appendField(b, name, value)
			lines++
		}
	}
	for _, f := range r.More {
		b = appendField(b, f.Name, f.Value)
		lines++
	}
	switch length := r.length(); {
	case length == chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
		lines++
		for name := range r.Trailer {
			b = appendField(b, "Trailer", name)
			lines++
		}
	case length > 0 || r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch:
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), length, 10), "\r\n"...)
		lines++
	}
	b = append(b, "\r\n"...)
	h.bytes = b
	// Each line ends where we ended it. net/http lets no such byte in, and no value of
	// ours has one; here nothing depends on that.
	if bytes.Count(b, []byte{'\n'}) != lines || bytes.Count(b, []byte{'\r'}) != lines || bytes.IndexByte(b, 0) >= 0 {
		return errInjected
	}
	h.whole = r.length() == 0
	return nil
}

func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}

// chunked is a length that is not known ahead.
const chunked = -1

func (r *Request) length() int64 {
	if r.Body == nil {
		return 0
	}
	return r.Length
}

// BindsConnection reports whether the request may sign in its connection, and with it
// whoever comes after, as NTLM and Negotiate do (RFC 4559 6).
func (r *Request) BindsConnection() bool {
	for _, value := range r.Header["Authorization"] {
		scheme, _, _ := strings.Cut(strings.TrimLeft(value, " \t"), " ")
		if strings.EqualFold(scheme, "NTLM") || strings.EqualFold(scheme, "Negotiate") {
			return true
		}
	}
	return false
}

// bodyError is what the body of a request ended with.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "upstream: the request's body: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }
