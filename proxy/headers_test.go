package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sidegate/identity"
)

// SEC-HDR-12: a claim is text, never a part of the request; what is not printable
// ASCII arrives percent-encoded.
func TestClaimsCannotBreakOutOfTheirHeader(t *testing.T) {
	g := start(t, setup{})
	for _, claim := range []string{
		"Bob\r\nX-User-Id: 1", "Bob\nX-User-Id: 1", "Bob\rX: y", "nul\x00", "\x80\xff", "Zoë", "😀", `"quoted"`, "del\x7f",
		" edges ", "tab\there", "100% sure", "%0d%0aX: y", "\u2028", strings.Repeat("é", 500),
	} {
		for _, s := range []surface{{name: "page", method: "GET", target: "/"}, {name: "socket", socket: true}} {
			id := alice()
			id.Name, id.Picture, id.Groups = claim, claim, []string{claim}
			got := g.reach(t, s, g.signIn(t, id))
			for _, name := range []string{"X-User-Name", "X-User-Picture", "X-User-Groups"} {
				values := got.all(name)
				if len(values) != 1 {
					t.Fatalf("%s %q: the app was told %q, want one value", name, claim, values)
				}
				decoded, err := url.PathUnescape(values[0])
				if claim == "100% sure" || claim == "%0d%0aX: y" { // as it is but in a list
					decoded, err = strings.ReplaceAll(values[0], "%25", "%"), nil
				}
				// A session keeps text as UTF-8; other bytes have become U+FFFD there.
				if want := strings.ToValidUTF8(claim, "\uFFFD"); err != nil || decoded != want && claim != "\x80\xff" {
					t.Errorf("%s %q arrived as %q = %q, %v", name, claim, values[0], decoded, err)
				}
				for _, b := range []byte(values[0]) {
					if b < ' ' || b > '~' {
						t.Errorf("%s %q arrived with byte %#x", name, claim, b)
					}
				}
			}
			if got := got.all("X-User-Id"); fmt.Sprint(got) != "[1001]" {
				t.Errorf("X-User-Id = %q, want 1001 alone", got)
			}
		}
	}
}

// A group is told from others by its whole name: no name can look like two groups
// or, once decoded, like another group.
func TestGroupNamesCannotPassForOthers(t *testing.T) {
	g := start(t, setup{})
	id := alice()
	id.Groups = []string{"a,admins", "%61dmins", "b", "", "ü,x", "100%"}
	got := g.reach(t, surface{name: "page", method: "GET", target: "/"}, g.signIn(t, id)).get("X-User-Groups")
	var decoded []string
	for item := range strings.SplitSeq(got, ",") {
		name, err := url.PathUnescape(item)
		if err != nil {
			t.Errorf("%q: %v", item, err)
		}
		decoded = append(decoded, name)
	}
	if want := []string{"a,admins", "%61dmins", "b", "ü,x", "100%"}; fmt.Sprint(decoded) != fmt.Sprint(want) {
		t.Errorf("groups = %q, want %q (from %s)", decoded, want, got)
	}
}

// An identity without a name leaves only what is known.
func TestUnknownClaimsSetNoHeader(t *testing.T) {
	g := start(t, setup{})
	id := identity.Identity{Issuer: "i", Subject: "s", Email: "bob@app.example", EmailVerified: true}
	got := g.reach(t, surface{name: "page", method: "GET", target: "/"}, g.signIn(t, id))
	for _, f := range got.fields {
		switch f.name {
		case "X-User-Name", "X-User-Picture", "X-User-Groups":
			t.Errorf("the app was told %s: %q", f.name, f.value)
		}
	}
}

// SEC-HDR-10, SEC-SMUG-05: trailers pass, but none of our names, and none that
// decides how a request is read.
func TestRequestTrailersPassWithoutOurNames(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	trailers := []string{
		"X-Checksum: abc", "X-User-Email: evil", "x_user_email: evil", "X.User.Id: evil", "X-Forwarded-For: evil",
		"Authorization: evil", "Cookie: evil=1", "Host: evil", "Content-Length: 5", "Content_Length: 5", "Transfer-Encoding: evil",
	}
	for _, announced := range []string{
		"X-Checksum", "X-Checksum, X-User-Email, x_user_email, Authorization, Cookie, Host",
	} {
		for _, to := range []string{"/form", "/hook"} {
			raw := message("POST", to, g.signIn(t, alice()), "Transfer-Encoding: chunked", "Trailer: "+announced)
			g.ask(t, raw+"3\r\nabc\r\n0\r\n"+strings.Join(trailers, "\r\n")+"\r\n\r\n")
			got := g.app.hits()[len(g.app.hits())-1]
			if !strings.Contains(got.body, "abc\r\n0\r\nX-Checksum: abc\r\n\r\n") {
				t.Errorf("%s: the body came as %q, want X-Checksum as its only trailer", to, got.body)
			}
			if got := got.get("Trailer"); got != "X-Checksum" {
				t.Errorf("%s: announced trailers = %q, want X-Checksum", to, got)
			}
		}
	}
}

// SEC-HDR-14: the app can set its own cookies, and never ours: not in an answer,
// its trailers or ahead of it, not by an odd spelling, not by clearing them all.
func TestAppCannotSetOrClearOurCookies(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	ours := []string{
		"__Host-sidegate=evil", "__Host-sidegate=; Max-Age=0", "sidegate=evil; Path=/", "__Host-sidegate-flow=evil",
		"sidegate-flow=evil", "__HOST-SIDEGATE=evil", "=__Host-sidegate=evil", " =  sidegate=evil", "\tsidegate=evil",
		`"sidegate"=evil`, "sidegate =evil", "sidegate", "SideGate ; Path=/x",
	}
	theirs := []string{"a=b; Path=/", "_streamlit_xsrf=2|x; Path=/", "sidegate2=x", "my-sidegate=x", "a=sidegate=x"}
	var fields strings.Builder
	for _, c := range append(append([]string(nil), ours...), theirs...) {
		fields.WriteString("Set-Cookie: " + c + "\r\n")
	}
	body := "2\r\nok\r\n0\r\nSet-Cookie: sidegate=evil\r\nX-Sum: 1\r\n\r\n"
	final := "HTTP/1.1 200 OK\r\nTrailer: Set-Cookie, X-Sum\r\nTransfer-Encoding: chunked\r\n" + fields.String() + "\r\n" + body
	g.app.says("HTTP/1.1 103 Early Hints\r\n"+fields.String()+"Connection: X-Hop\r\nX-Hop: 1\r\n\r\n"+final, true)

	for _, lines := range []string{
		message("GET", "/", g.signIn(t, alice())), message("GET", "/public/x"), message("POST", "/hook"),
	} {
		c := g.dial(t)
		c.send(t, lines)
		early, _ := c.answer(t, "GET")
		if early.StatusCode != http.StatusEarlyHints || early.Header.Get("X-Hop") != "" {
			t.Errorf("first came %s %v, want 103 without X-Hop", early.Status, early.Header)
		}
		res, _ := c.answer(t, "GET")
		for name, got := range map[string][]string{"103": early.Header["Set-Cookie"], "200": res.Header["Set-Cookie"]} {
			if fmt.Sprint(got) != fmt.Sprint(theirs) {
				t.Errorf("%s: Set-Cookie = %q, want %q", name, got, theirs)
			}
		}
		if res.Trailer.Get("Set-Cookie") != "" || res.Trailer.Get("X-Sum") != "1" {
			t.Errorf("trailers = %v, want X-Sum alone", res.Trailer)
		}
	}
}

// SEC-HDR-14: Clear-Site-Data would clear our cookies along with the app's.
func TestAppCannotClearOurCookies(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	for sent, want := range map[string]string{
		`"cookies"`:                 "",
		`"Cookies"`:                 "",
		`"cache"`:                   `"cache"`,
		`"cache", "cookies"`:        `"cache"`,
		"\"storage\",\t\"COOKIES\"": `"storage"`,
		`"*"`:                       `"cache", "storage", "executionContexts", "clientHints"`,
	} {
		g.app.says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nClear-Site-Data: "+sent+"\r\n\r\n", true)
		res, _ := g.ask(t, message("GET", "/", cookie))
		if got := strings.Join(res.Header["Clear-Site-Data"], "\n"); got != want || want == "" && res.Header["Clear-Site-Data"] != nil {
			t.Errorf("Clear-Site-Data: %s came as %q, want %q", sent, got, want)
		}
	}
	g.app.says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nClear-Site-Data: \"cache\"\r\nClear-Site-Data: \"cookies\"\r\n\r\n", true)
	res, _ := g.ask(t, message("GET", "/", cookie))
	if got, want := fmt.Sprint(res.Header["Clear-Site-Data"]), `["cache"]`; got != want {
		t.Errorf("Clear-Site-Data in two lines came as %s, want %s", got, want)
	}
}

// SEC-ISO-05: what somebody signed in sees is not for a shared cache, unless the
// app says otherwise; what is public stays as it is.
func TestAnswersToPeopleArePrivate(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	for _, c := range []struct{ target, sent, want string }{
		{"/", "", "private"},
		{"/", "Cache-Control: public, max-age=60\r\n", "public, max-age=60"},
		{"/public/x", "", ""},
	} {
		g.app.says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"+c.sent+"\r\n", true)
		res, _ := g.ask(t, message("GET", c.target, g.signIn(t, alice())))
		if got := res.Header.Get("Cache-Control"); got != c.want {
			t.Errorf("%s after %q: Cache-Control = %q, want %q", c.target, c.sent, got, c.want)
		}
	}
}

// SEC-LEAK-01: the app never sees our cookies; others arrive as they were sent.
func TestAppReceivesCookiesButOurs(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	session := strings.TrimPrefix(g.signIn(t, alice()), "Cookie: ")
	token := session[strings.Index(session, "=")+1:]
	for _, c := range []struct{ sent, want []string }{
		{[]string{session}, nil},
		{[]string{session + "; ; " + session}, nil},
		{[]string{"a=b; " + session}, []string{"a=b"}},
		{[]string{session + "; a=b"}, []string{"a=b"}},
		{[]string{"a=b; " + session + "; c=d"}, []string{"a=b; c=d"}},
		{[]string{session + ";a=b;" + session}, []string{"a=b"}},
		{[]string{"a=b", session, "c=d"}, []string{"a=b", "c=d"}},
		{[]string{session + "; __Host-sidegate-flow=f; sidegate=x; sidegate-flow=y; z=1"}, []string{"z=1"}},
		{[]string{session + "; _streamlit_xsrf=2|a|b; q=\"x y\"; e=; =n; dup=1; dup=2"}, []string{"_streamlit_xsrf=2|a|b; q=\"x y\"; e=; =n; dup=1; dup=2"}},
		{[]string{session + "; =__Host-sidegate=" + token + "; \"sidegate\"=x; SIDEGATE=x; a=b"}, []string{"a=b"}},
		{[]string{session + "; a=" + strings.Repeat("v", 20_000)}, []string{"a=" + strings.Repeat("v", 20_000)}},
	} {
		for _, s := range surfaces() {
			var lines []string
			for _, line := range c.sent {
				lines = append(lines, "Cookie: "+line)
			}
			got := g.reach(t, s, lines...)
			if cookies := got.all("Cookie"); !slices.Equal(cookies, c.want) {
				t.Errorf("of %.300q the app received %.300q, want %.300q", c.sent, cookies, c.want)
			}
			for _, f := range got.fields {
				if strings.Contains(f.value, token) {
					t.Errorf("%s: the app received the token in %s", s.name, f.name)
				}
			}
		}
	}
}

// A Cookie header is as long as a header may be, and then nothing passes.
func TestVeryLongCookiesAreRefusedOrKept(t *testing.T) {
	g := start(t, setup{})
	session := g.signIn(t, alice())
	long := strings.Repeat("a=;", 15_000)
	res, _ := g.ask(t, message("GET", "/", session+"; "+long))
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a long Cookie header was answered %s", res.Status)
	}
	c := g.dial(t)
	io.WriteString(c, message("GET", "/", session+"; "+strings.Repeat("a=;", 30_000)))
	if res, _ := c.answer(t, "GET"); res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("90 kB of cookies were answered %s, want 431", res.Status)
	}
}
