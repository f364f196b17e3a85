package access

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// PublicPaths are the paths that need no sign-in. They are compared with the
// very bytes the app will receive: never decoded, never cleaned, without the
// query. The zero PublicPaths opens nothing.
type PublicPaths struct{ rules []pathRule }

type pathRule struct{ method, path string }

// Add opens a path: exact, or all below it when it ends in "/". method is the one
// method that is open; empty: any. GET opens HEAD along with it.
func (p *PublicPaths) Add(method, path string) error {
	if !strings.HasPrefix(path, "/") || path == "/" || !plain(path) {
		return fmt.Errorf("access: %q is not a path that can be public", path)
	}
	p.rules = append(p.rules, pathRule{method: method, path: path})
	return nil
}

// Match reports whether a request is open to everybody. path is the request
// target as forwarded, up to the query.
//
// Under a prefix only plain paths match. "/public/..;/x", "/public/%2e%2e/x" and
// their many kin mean another path to some app (SEC-SKIP-02..04), so what could
// be read in two ways goes through sign-in like everything else.
func (p PublicPaths) Match(method, path string) bool {
	for _, rule := range p.rules {
		if !rule.admits(method) {
			continue
		}
		if path == rule.path {
			return true
		}
		if strings.HasSuffix(rule.path, "/") && strings.HasPrefix(path, rule.path) && plain(path) {
			return true
		}
	}
	return false
}

func (r pathRule) admits(method string) bool {
	return r.method == "" || r.method == method || r.method == "GET" && method == "HEAD"
}

// plain reports whether path can be read in one way only: no empty segment and
// none of dots, no parameters, and no percent-escape but of a character that has
// no meaning in a path.
func plain(path string) bool {
	var decoded []byte
	for i := 0; i < len(path); i++ {
		b := path[i]
		if b == '%' {
			c, ok := unescape(path[i:])
			if !ok || strings.IndexByte(`/\%;?#`, c) >= 0 || c < ' ' || c == 0x7f {
				return false
			}
			b, i = c, i+2
		} else if b <= ' ' || b >= 0x7f || strings.IndexByte(`\;?#`, b) >= 0 {
			return false
		}
		decoded = append(decoded, b)
	}
	s := string(decoded)
	if strings.Contains(s, "//") || !utf8.ValidString(s) {
		return false // an overlong form (%c0%ae) is not valid UTF-8
	}
	for segment := range strings.SplitSeq(s, "/") {
		// Windows takes dots and spaces off the end of a name: ".. " is "..".
		if segment != "" && strings.Trim(segment, ". ") == "" {
			return false
		}
	}
	return true
}

// unescape reads the percent-escape at the start of s.
func unescape(s string) (byte, bool) {
	if len(s) < 3 {
		return 0, false
	}
	hi, ok1 := unhex(s[1])
	lo, ok2 := unhex(s[2])
	return hi<<4 | lo, ok1 && ok2
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// CheckTarget reports whether a request target (RFC 9112 3.2.1, origin form) is
// one that every reader takes for the same path. What it refuses is answered 400
// and never rewritten: a proxy that cleans paths decides on other bytes than the
// app receives. Only forms that no dashboard uses are refused; "//" and encoded
// characters pass, and are simply never public.
func CheckTarget(target string) bool {
	path, _, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") {
		return false
	}
	for i := 0; i < len(target); i++ {
		if b := target[i]; b <= ' ' || b == 0x7f || b == '#' {
			return false
		}
	}
	var decoded []byte
	for i := 0; i < len(path); i++ {
		b := path[i]
		if b == '%' {
			c, ok := unescape(path[i:])
			if !ok || c < ' ' || c == 0x7f {
				return false
			}
			b, i = c, i+2
		}
		if b == '\\' {
			b = '/' // browsers and Windows read it so
		}
		decoded = append(decoded, b)
	}
	for segment := range strings.SplitSeq(string(decoded), "/") {
		// "..;x" is ".." to Java servers, which cut path parameters first.
		segment, _, _ = strings.Cut(segment, ";")
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}
