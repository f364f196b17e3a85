package login_test

import (
	"net/url"
	"strings"
	"testing"

	"sidegate/login"
)

// foreign are return targets that lead, or once led, somewhere else: SEC-REDIR-01
// to SEC-REDIR-06.
func foreign() []string {
	return []string{
		// 01
		"//evil.example", "https://evil.example/", "///evil", "http:evil", "//evil.example/%2f..", "////evil.example", "evil.example", "",
		// 02
		`/\evil.example`, `\/evil`, `\\evil`, "/%5Cevil.example", `/\/evil`, `\evil`, "/%5c%5cevil",
		// 03
		"/%09/evil", "/%0A/evil", "/%0D%0A/evil", "/%0d%0aSet-Cookie:x=y", "/ /evil", "/%20/evil", "/\v/evil", "/\t/evil", "/\n/evil", "/\r\n/evil",
		"/\x00/evil", "/%00/evil", "/\u0085/evil", "/\u0080/evil", "/%C2%85/evil", "/\x7f/evil", "/%7f/evil", "/x?a\tb", "/x#a\nb", "/a b", "/x?a b", "/x?\x7f",
		" //evil", "\t//evil", "//\tevil",
		// 04
		`/./\evil`, "/..//evil", "/a/..//evil", "/.//evil", "/%2e%2e//evil", "/a/../b", "/a/.", "/..", "/a/..;x/b", "/%2E/x", "/..%2f/evil", "/.%2e/x",
		// 05
		"javascript:alert(1)", "data:text/html,x", "vbscript:x", "JaVa%09script:x", "https:evil", "mailto:a@evil", "java\nscript:x",
		// 06
		"https://app.example.evil.com", "https://evilapp.example", "https://app.example@evil.com", "https://app.example:80@evil",
		`https://app.example\@evil`, "https://app.example%2eevil.com", "https://xn--app-ex-mple.com", "@evil.com", ":80@evil", "/%2fevil.example", "/%2Fevil",
		// escapes that no server reads
		"/%zz", "/a%2", "/a%",
	}
}

// odd are return targets that lead nowhere else once they are percent-encoded.
func odd() []string {
	return []string{"/\u3000/evil", "/\u2028/evil", "/\x85/evil", "/\ufeff/evil", "/\u200b/evil", "/x?\u0085", "/x?\xff"}
}

// harmless are return targets that must come back byte for byte: SEC-REDIR-11.
func harmless() []string {
	return []string{
		"/", "/a", "/a/", "/?a=b&c", "/x?a=b&c#frag", "/#frag", "/x#/../y", "/a%2Fb", "/a;b=c", "/a;b?c;d", "/javascript:alert(1)", "/a//b", "/a/https://x.example/",
		"/x?next=//evil.example", "/x?next=https://evil.example/../", `/x?path=C:\dir`, "/%C3%BC", "/%E4%BD%A0?q=%F0%9F%91%A8%E2%80%8D%F0%9F%91%A9", "/a+b?c+d",
		"/x?q=%0D%0A", "/x?q=%zz", "/...", "/.well-known", "/a..b/.c", "/%252e%252e/x", "/%252Fevil", "/x?<>\"'`{}|^", "/_gate/", "/_gated", "/_gate.html", "/auth/login",
	}
}

// ours are targets that must not follow a sign-in: SEC-REDIR-12.
func ours() []string {
	return []string{
		"/_gate", "/_gate/login", "/_gate/logout", "/_gate/callback", "/_gate/callback?code=x&state=y", "/_gate/logout#x", "/_gate/login?rd=/_gate/logout",
		"/_gate%2flogout", "/%5fgate/logout", "/_GATE/logout", "/_gate/anything",
	}
}

func TestReturnPathTakesOnlyPathsOfOurOrigin(t *testing.T) { // SEC-REDIR-01, SEC-REDIR-02, SEC-REDIR-03, SEC-REDIR-04, SEC-REDIR-05, SEC-REDIR-06, SEC-REDIR-12
	for _, target := range append(foreign(), ours()...) {
		if got, ok := login.ReturnPath(target); got != "/" || ok {
			t.Errorf("ReturnPath(%q) = %q, %v; want /, false", target, got, ok)
		}
	}
}

func TestReturnPathKeepsAPathByteForByte(t *testing.T) { // SEC-REDIR-11
	for _, target := range append(harmless(), "/"+strings.Repeat("a", 2047)) {
		if got, ok := login.ReturnPath(target); got != target || !ok {
			t.Errorf("ReturnPath(%q) = %q, %v; want it as it is", target, got, ok)
		}
	}
	if got, ok := login.ReturnPath("/ü/你?q=é#ß"); got != "/%C3%BC/%E4%BD%A0?q=%C3%A9#%C3%9F" || !ok {
		t.Errorf("characters beyond ASCII became %q, %v", got, ok)
	}
}

func TestReturnPathIsBounded(t *testing.T) { // SEC-REDIR-11
	for _, target := range []string{"/" + strings.Repeat("a", 2048), "/" + strings.Repeat("ü", 700), "/" + strings.Repeat("ü", 1e5)} {
		if got, ok := login.ReturnPath(target); got != "/" || ok {
			t.Errorf("a target of %d bytes became one of %d, %v; want /", len(target), len(got), ok)
		}
	}
}

func TestReturnPathEncodesWhatIsNotASCII(t *testing.T) { // SEC-REDIR-03
	for _, target := range odd() {
		got, ok := login.ReturnPath(target)
		if decoded, err := url.PathUnescape(got); !ok || !ascii(got) || err != nil || decoded != target {
			t.Errorf("ReturnPath(%q) = %q, %v", target, got, ok)
		}
	}
}

func FuzzReturnPath(f *testing.F) {
	for _, list := range [][]string{foreign(), odd(), harmless(), ours()} {
		for _, target := range list {
			f.Add(target)
		}
	}
	f.Fuzz(func(t *testing.T, target string) {
		got, taken := login.ReturnPath(target)
		if !local(got) {
			t.Errorf("ReturnPath(%q) = %q leads away", target, got)
		}
		if !taken && got != "/" {
			t.Errorf("ReturnPath(%q) = %q though not taken", target, got)
		}
		if taken && ascii(target) && got != target {
			t.Errorf("ReturnPath(%q) = %q, not the bytes that came", target, got)
		}
		if again, ok := login.ReturnPath(got); again != got || !ok {
			t.Errorf("ReturnPath(%q) = %q, but again: %q, %v", target, got, again, ok)
		}
	})
}

// local reports whether a Location keeps the browser on our origin, in the words
// of SEC-REDIR and by two readers: net/url and the rules of the WHATWG.
func local(location string) bool {
	if len(location) > 1 && (location[1] == '/' || location[1] == '\\') || !strings.HasPrefix(location, "/") || !ascii(location) {
		return false
	}
	own, _ := url.Parse("https://app.example/_gate/callback")
	u, err := own.Parse(location)
	if err == nil && (u.Host != own.Host || u.Scheme != own.Scheme || u.User != nil) {
		return false
	}
	return !leaves(location)
}

// leaves resolves a reference against an https page as browsers do (WHATWG URL
// 4.4), as far as it matters for the host: control characters and spaces around
// it go, tabs and line ends within it go, "\" is "/", and two slashes or a scheme
// begin another origin. Dot segments are resolved too, though the result of that
// is a path: some servers redirect to it again.
func leaves(reference string) bool {
	reference = strings.TrimFunc(reference, func(r rune) bool { return r <= ' ' })
	reference = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(reference)
	if end := strings.IndexAny(reference, "?#"); end >= 0 {
		reference = reference[:end]
	}
	reference = strings.ReplaceAll(reference, `\`, "/")
	if !strings.HasPrefix(reference, "/") || strings.HasPrefix(reference, "//") {
		return true
	}
	var kept []string
	for segment := range strings.SplitSeq(reference[1:], "/") {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, segment)
		}
	}
	return len(kept) > 1 && kept[0] == ""
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}
