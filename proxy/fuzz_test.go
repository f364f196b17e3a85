package proxy

import (
	"encoding/binary"
	"maps"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sidegate/session"
)

// plainFold is fold once more, by other means.
func plainFold(name string) string {
	return regexp.MustCompile(`[^a-z0-9]`).ReplaceAllLiteralString(strings.ToLower(name), "-")
}

// No header whose name some reader takes for a claimed one survives strip, and the
// others are left alone (SEC-HDR-01 to -03).
func FuzzFold(f *testing.F) {
	for _, name := range []string{
		"X-User-Email", "x_user_email", "X.USER.ID", "X-User-Emails", "X-Forwarded", "X-Forwarded-", "Forwarded", "Proxy", "Remote_User",
		"Accept", "X--User-Email", "X-User-Email-", "Content_Length", "x-goog", "X-Goog-", "",
	} {
		f.Add(name, "v")
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if strings.ContainsFunc(name, func(r rune) bool { return r > '~' }) {
			return // net/http lets no such name in; ToLower would change its length
		}
		folded := fold(name)
		if want := plainFold(name); folded != want {
			t.Errorf("fold(%q) = %q, want %q", name, folded, want)
		}
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		h := http.Header{name: {value}, canonical: {value}, "Accept": {value}}
		before := maps.Clone(h)
		new(Headers).strip(h)
		for n := range before {
			_, kept := h[n]
			if gone := claimed(plainFold(n)); kept == gone {
				t.Errorf("%q: kept %v, claimed %v", n, kept, gone)
			}
			if kept && !slices.Equal(h[n], []string{value}) {
				t.Errorf("%q changed to %q", n, h[n])
			}
		}
	})
}

// FuzzStripCookies: whatever reads the header afterwards finds no cookie of ours,
// and the others are byte for byte what they were, in order (SEC-LEAK-01).
func FuzzStripCookies(f *testing.F) {
	for _, line := range []string{
		"", ";", "a=b", "sidegate=x", "a=b; __Host-sidegate=x; c=d", "__host-sidegate-flow=x;a", "=sidegate=x", ` "sidegate"=x`, "sidegate =x; a=1;",
		"a=\"; sidegate=x; \"", "\x00sidegate=x", "\u2000sidegate=x", "sidegate;a", "a;;b", "a=sidegate=x", "  ;  sidegate=1;  b=2", "é=1; sidegate\t=2",
	} {
		f.Add(line, "c=d; sidegate=1")
	}
	f.Fuzz(func(t *testing.T, line, other string) {
		h := http.Header{"Cookie": {line, other}}
		before := slices.Concat(strings.Split(line, ";"), strings.Split(other, ";"))
		stripCookies(h, nil)
		after := []string{}
		for _, l := range h["Cookie"] {
			if l == "" {
				t.Error("an empty Cookie line is left")
			}
			after = append(after, strings.Split(l, ";")...)
		}
		for _, pair := range after {
			if slices.ContainsFunc(session.CookieNames(), func(ours string) bool { return nameOf(pair) == ours }) {
				t.Errorf("of %q and %q %q is left", line, other, pair)
			}
		}
		for _, name := range session.CookieNames() {
			if left := (&http.Request{Header: h}).CookiesNamed(name); len(left) > 0 {
				t.Errorf("of %q and %q net/http finds %v", line, other, left)
			}
		}
		if got, want := theirs(after), theirs(before); !slices.Equal(got, want) {
			t.Errorf("of %q and %q %q is left, want %q", line, other, got, want)
		}
	})
}

// nameOf is a cookie's name to the most forgiving of readers.
func nameOf(pair string) string {
	const edge = " \t\r\n\v\f\x00\""
	pair = strings.TrimLeft(pair, "="+edge)
	name, _, _ := strings.Cut(pair, "=")
	return strings.ToLower(strings.Trim(name, edge))
}

// theirs are the pairs that mention none of our names, without the space before.
func theirs(pairs []string) []string {
	var kept []string
	for _, p := range pairs {
		if p = strings.TrimLeft(p, " "); p != "" && !strings.Contains(strings.ToLower(p), "sidegate") {
			kept = append(kept, p)
		}
	}
	return kept
}

// parseFrames reads a whole stream at once and returns where frames end, and how
// many data frames have begun by then.
func parseFrames(stream []byte) (ends map[int]bool, data int) {
	ends = map[int]bool{0: true}
	for at := 0; at+2 <= len(stream); {
		head, length := 2, uint64(stream[at+1]&0x7f)
		switch length {
		case 126:
			head = 4
		case 127:
			head = 10
		}
		if stream[at+1]&0x80 != 0 {
			head += 4
		}
		if at+head > len(stream) {
			break
		}
		switch stream[at+1] & 0x7f {
		case 126:
			length = uint64(binary.BigEndian.Uint16(stream[at+2:]))
		case 127:
			length = binary.BigEndian.Uint64(stream[at+2:])
		}
		if stream[at]&0x8 == 0 {
			data++
		}
		if length > uint64(len(stream)-at-head) {
			break
		}
		at += head + int(length)
		ends[at] = true
	}
	return ends, data
}

// FuzzFrames: however a stream is cut up, its boundaries are those of the whole,
// and reading need bytes never passes one (SEC-WS-10).
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0x81, 0x01, 'x', 0x89, 0x00, 0x82, 0x7e, 0x00, 0x02, 'a', 'b'}, []byte{1, 3})
	f.Add([]byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5}, []byte{2})
	f.Add([]byte{0x00, 0x80, 0, 0, 0, 0, 0x88, 0x82, 1, 2, 3, 4, 3, 0xe8}, []byte{7, 1, 1})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), []byte{5})
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		ends, data := parseFrames(stream)
		var whole, byNeed, cutUp frames
		whole.feed(stream)
		seen, next := 0, 0
		for at := 0; at < len(stream); {
			n := 1
			if len(cuts) > 0 {
				n, next = max(1, int(cuts[next%len(cuts)])), next+1
			}
			n = min(n, len(stream)-at)
			cutUp.feed(stream[at : at+n])
			if at += n; cutUp.boundary() != ends[at] {
				t.Fatalf("after %d bytes of %x boundary = %v", at, stream, !ends[at])
			}
		}
		for at := 0; at < len(stream); {
			n := byNeed.need()
			if n < 1 {
				t.Fatalf("need = %d", n)
			}
			for i := at + 1; i < min(at+n, len(stream)); i++ {
				if ends[i] {
					t.Fatalf("need = %d passes the boundary at %d of %x", n, i, stream)
				}
			}
			n = min(n, len(stream)-at)
			if byNeed.feed(stream[at : at+n]) {
				seen++
			}
			at += n
		}
		if seen != data {
			t.Errorf("%d data frames seen in %x, want %d", seen, stream, data)
		}
		if whole != byNeed || whole.boundary() != cutUp.boundary() || whole.left != cutUp.left {
			t.Errorf("%x: at once %+v, by need %+v, cut up %+v", stream, whole, byNeed, cutUp)
		}
	})
}
