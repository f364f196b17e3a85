package upstream

import (
	"errors"
	"net/http"
	"net/textproto"
	"strings"
)

// maxFields is how many fields an answer may have.
const maxFields = 1000

var errField = errors.New("upstream: a line of the app's answer is no header field")

// told are the fields that are for us: about the connection (RFC 9110 7.6.1), and
// where the body ends.
type told struct{ length, encoding, connection, trailer []string }

// parseFields reads the lines of a head or of trailers. What is about the connection
// goes to told and nowhere else; Content-Length goes to both.
func parseFields(text string, told *told) (http.Header, error) {
	n := strings.Count(text, "\n")
	if n > maxFields {
		return nil, errTooLong
	}
	h, values := make(http.Header, n), make([]string, n) // one allocation for all
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !ok || !token(name) || !visible(value) {
			return nil, errField
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if told.take(name, value) {
			continue
		}
		if before, twice := h[name]; twice {
			h[name] = append(before, value)
			continue
		}
		values[0] = value
		h[name], values = values[:1:1], values[1:]
	}
	told.length = h["Content-Length"]
	return h, nil
}

// take notes a field that is for us, and reports whether it is for us alone.
func (t *told) take(name, value string) bool {
	switch name {
	case "Transfer-Encoding":
		t.encoding = append(t.encoding, value)
	case "Connection":
		t.connection = append(t.connection, value)
	case "Trailer":
		t.trailer = append(t.trailer, value)
	case "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Upgrade":
	default:
		return false
	}
	return true
}

// mayTrail reports whether a name can stand in trailers: not what frames or routes a
// message, or decides who may see it (RFC 9110 6.5.1).
func mayTrail(name string) bool {
	switch name {
	case "", "Authorization", "Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Range", "Content-Type",
		"Cookie", "Expect", "Host", "Keep-Alive", "Max-Forwards", "Pragma", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"Range", "Realm", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Www-Authenticate":
		return false
	}
	return token(name) && !strings.HasPrefix(name, "If-")
}

// token reports whether s is a field's name (RFC 9110 5.6.2).
func token(s string) bool {
	for i := range len(s) {
		if !tokenByte[s[i]] {
			return false
		}
	}
	return s != ""
}

// tokenByte has the bytes of a token.
var tokenByte = func() (t [256]bool) {
	for _, b := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[b] = true
	}
	return t
}()

// visible reports whether s is a field's value: no controls but the tab (RFC 9110
// 5.5).
func visible(s string) bool {
	for i := range len(s) {
		if b := s[i]; b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}
