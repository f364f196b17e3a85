package login

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxReturn bounds a return path, in bytes: it travels inside the state, and the
// provider has to carry it in a URL.
const maxReturn = 2048

// ReturnPath returns where to send a person after sign-in, given the path they
// say they came from, and whether that path was taken. Only a path of our own
// origin is, and only one that no browser and no app can read as anything else;
// the answer is "/" otherwise.
//
// The shapes refused are those of the field's open redirects: "//evil.example",
// "/\evil.example", "/%09/evil.example", "/..//evil.example". What passes is kept
// byte for byte, but that characters beyond ASCII are percent-encoded, as a
// browser would.
func ReturnPath(s string) (string, bool) {
	if !strings.HasPrefix(s, "/") || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "/", false
	}
	end := strings.IndexAny(s, "?#")
	if end < 0 {
		end = len(s)
	}
	decoded, err := url.PathUnescape(s[:end])
	if err != nil || ambiguous(decoded) || ownPath(decoded) {
		return "/", false
	}
	out := encodeUTF8(s)
	if len(out) > maxReturn {
		return "/", false
	}
	return out, true
}

// ambiguous reports whether a path, its escapes read once, has a dot segment or
// begins with an empty one: URL parsers resolve "/..//host" and its kin in
// different ways.
func ambiguous(decoded string) bool {
	if strings.HasPrefix(decoded, "//") || strings.HasPrefix(decoded, "/ ") || strings.Contains(decoded, `\`) {
		return true
	}
	if strings.ContainsFunc(decoded, unicode.IsControl) {
		return true
	}
	for segment := range strings.SplitSeq(decoded, "/") {
		segment, _, _ = strings.Cut(segment, ";")
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// ownPath reports whether a path is one of ours that must not follow a sign-in:
// back to the callback would loop, on to the log-out would undo it.
func ownPath(decoded string) bool {
	decoded = strings.ToLower(decoded)
	return decoded == "/_gate" || strings.HasPrefix(decoded, "/_gate/") && decoded != "/_gate/"
}

func encodeUTF8(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
