package proxy_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sidegate/proxy"
)

// SEC-FWD-01, SEC-FWD-06, SEC-FWD-07: by default nobody's forwarded headers count;
// the app gets ours, and no other.
func TestForwardedHeadersAreRebuilt(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	lines := []string{
		"X_Forwarded_Host: 6.6.6.6", "X.Forwarded.For: 6.6.6.6", "Forwarded: for=6.6.6.6;host=evil", "X-Real-Ip: 6.6.6.6",
		"X-Original-Url: /evil6.6.6.6", "X-Original-Host: 6.6.6.6", "X-Forwarded-For: 6.6.6.6",
	}
	for _, name := range []string{"For", "Host", "Proto", "Port", "Prefix", "Uri", "Method", "Server", "Ssl", "Scheme"} {
		lines = append(lines, "X-Forwarded-"+name+": 6.6.6.6", "x-forwarded-"+strings.ToLower(name)+": 6.6.6.6")
	}
	for _, s := range surfaces() {
		got := g.reach(t, s, lines...)
		found := map[string][]string{}
		for _, f := range got.fields {
			if name := naiveFold(f.name); strings.Contains(name, "forward") {
				found[name] = append(found[name], f.value)
			}
			if strings.Contains(f.value, "6.6.6.6") {
				t.Errorf("%s: the app received %s: %s", s.name, f.name, f.value)
			}
		}
		want := map[string][]string{
			"x-forwarded-for": {"127.0.0.1"}, "x-forwarded-proto": {"https"}, "x-forwarded-host": {"app.example"},
		}
		if fmt.Sprint(found) != fmt.Sprint(want) {
			t.Errorf("%s: the app received %v, want %v", s.name, found, want)
		}
	}
	if strings.Contains(g.log.String(), "6.6.6.6") {
		t.Error("a forged address got into the log")
	}
}

// SEC-FWD-02, SEC-FWD-04: where somebody is sent to sign in does not depend on
// what the request says of itself.
func TestForwardedHeadersDoNotSteerTheSignIn(t *testing.T) {
	g := start(t, setup{})
	for _, lines := range [][]string{
		{"X-Forwarded-Host: evil.example"}, {"X-Forwarded-Prefix: //evil.example"}, {"X-Forwarded-Proto: javascript"},
		{"X-Forwarded-Proto: https,http"}, {"X-Forwarded-Uri: //evil.example"}, {"Forwarded: host=evil.example"},
	} {
		res, _ := g.ask(t, message("GET", "/page?q=1", append(lines, "Sec-Fetch-Mode: navigate")...))
		if got, want := res.Header.Get("Location"), "/_gate/login?rd=%2Fpage%3Fq%3D1"; res.StatusCode != http.StatusFound || got != want {
			t.Errorf("%q: answered %s to %q, want 302 to %q", lines, res.Status, got, want)
		}
	}
	g.app.wantNoHits(t)
}

// SEC-FWD-03: behind a trusted proxy the client is the rightmost address that is
// not a trusted one, for the app and for the log.
func TestClientBehindTrustedProxy(t *testing.T) {
	g := start(t, setup{trusted: "127.0.0.0/8"})
	got := g.reach(t, surface{name: "page", method: "GET", target: "/", signedIn: true},
		"X-Forwarded-For: 6.6.6.6, 198.51.100.7", "X-Forwarded-For: 127.0.0.9", "X-Forwarded-Proto: http", "X-Forwarded-Host: evil")
	for name, want := range map[string]string{
		"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "app.example",
	} {
		if got := got.get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	eventually(t, "a log line with the client", func() bool { return strings.Contains(g.log.String(), `"client":"198.51.100.7"`) })
}

// SEC-FWD-03, SEC-FWD-08: the rule in all its cases.
func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		peer string
		xff  []string
		want string
	}{
		{"198.51.100.1:5", nil, "198.51.100.1"},
		{"198.51.100.1:5", []string{"6.6.6.6"}, "198.51.100.1"},
		{"10.0.0.1:5", nil, "10.0.0.1"},
		{"10.0.0.1:5", []string{"6.6.6.6, 198.51.100.7"}, "198.51.100.7"},
		{"10.0.0.1:5", []string{"6.6.6.6, 198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		{"10.0.0.1:5", []string{"6.6.6.6", "198.51.100.7", "10.0.0.2"}, "198.51.100.7"},
		{"10.0.0.1:5", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"10.0.0.1:5", []string{"6.6.6.6, evil, 10.0.0.2"}, "10.0.0.2"},
		{"10.0.0.1:5", []string{"6.6.6.6, "}, "10.0.0.1"},
		{"10.0.0.1:5", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		{"10.0.0.1:5", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"10.0.0.1:5", []string{"2001:db8::1"}, "2001:db8::1"},
		{"10.0.0.1:5", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"[::ffff:10.0.0.1]:5", []string{"198.51.100.7"}, "198.51.100.7"},
		{"[fd00::1%eth0]:5", []string{"198.51.100.7"}, "198.51.100.7"},
		{"[::ffff:198.51.100.1]:5", []string{"6.6.6.6"}, "198.51.100.1"},
		{"@", []string{"6.6.6.6"}, ""},
		{"", nil, ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"] = c.xff
		if got := (proxy.Client{Trusted: trusted}).Address(r); got != c.want {
			t.Errorf("%s with %q: client %q, want %q", c.peer, c.xff, got, c.want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "10.0.0.1:5"
	r.Header.Set("X-Forwarded-For", "198.51.100.7")
	if got, want := (proxy.Client{}).Address(r), "10.0.0.1"; got != want {
		t.Errorf("a Client that trusts nobody took %q for the client, want %q", got, want)
	}
}

// SEC-FWD-05: the app builds links from Host, so only hosts that are ours, or
// nobody's, reach it.
func TestForeignHostsAreRefused(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	for host, want := range map[string]int{
		"app.example": 200, "APP.Example": 200, "app.example:443": 200, "127.0.0.1": 200, "127.0.0.1:8080": 200,
		"[::1]:8080": 200, "[::1]": 200, "localhost": 200, "LOCALHOST:3000": 200, "10.1.2.3": 200,
		"evil": 421, "app.example.": 421, "app.example:80": 421, "app.example:8443": 421, "a:99999": 421, "": 421,
		"app.example.evil.com": 421, "evilapp.example": 421, "localhost.evil.com": 421, "127.0.0.1.evil.com": 421,
		"127.0.0.1:evil.com": 421, "localhost:99999": 421, "localhost:": 421, "127.0.0.1:80:80": 421,
		"user@app.example": 400, "app.example/x": 400, "app example": 400, "app.example, evil": 400,
	} {
		hits := len(g.app.hits())
		raw := strings.Replace(message("GET", "/", cookie), "Host: app.example", "Host: "+host, 1)
		res, _ := g.ask(t, raw)
		if res.StatusCode != want {
			t.Errorf("Host %q was answered %s, want %d", host, res.Status, want)
		}
		if reached := len(g.app.hits()) > hits; reached != (want == 200) {
			t.Errorf("Host %q reached the app: %v", host, reached)
		}
	}
	for _, raw := range []string{
		"GET / HTTP/1.1\r\n" + cookie + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: app.example\r\nHost: evil\r\n" + cookie + "\r\n\r\n",
		message("GET", "http://evil/", cookie), message("GET", "http://app.example/", cookie),
	} {
		if res, _ := g.ask(t, raw); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%q was answered %s, want 400", raw, res.Status)
		}
	}
	if res, _ := g.ask(t, "GET / HTTP/1.0\r\n"+cookie+"\r\n\r\n"); res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a request without Host was answered %s, want 421", res.Status)
	}
}

// Host reaches the app as it came (Streamlit compares Origin with it).
func TestHostReachesTheAppUnchanged(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	for _, host := range []string{"app.example", "App.Example", "app.example:443", "127.0.0.1:9"} {
		for _, raw := range []string{message("GET", "/", cookie), handshake(cookie)} {
			g.ask(t, strings.Replace(raw, "Host: app.example", "Host: "+host, 1))
			hits := g.app.hits()
			if got := hits[len(hits)-1].get("Host"); got != host {
				t.Errorf("Host %q arrived as %q", host, got)
			}
		}
	}
}

// Cookies for 127.0.0.1 are not sent to localhost: a sign-in begins where it will
// end, and only there.
func TestSignInBeginsAtThePublicLoopbackName(t *testing.T) {
	for _, c := range []struct{ public, host, want string }{
		{"http://localhost:8080", "127.0.0.1:8080", "http://localhost:8080/_gate/login?rd=%2F"},
		{"http://127.0.0.1:8080", "localhost:8080", "http://127.0.0.1:8080/_gate/login?rd=%2F"},
		{"http://localhost:8080", "[::1]:8080", "http://localhost:8080/_gate/login?rd=%2F"},
		{"http://localhost:8080", "LocalHost:8080", "/_gate/login?rd=%2F"},
		{"http://localhost:8080", "localhost:8080", "/_gate/login?rd=%2F"},
		{"http://localhost:8080", "10.0.0.1:8080", "/_gate/login?rd=%2F"},
		{"https://app.example", "localhost:8080", "/_gate/login?rd=%2F"},
		{"https://localhost:8443", "127.0.0.1:8443", "https://localhost:8443/_gate/login?rd=%2F"},
		{"http://app.example", "localhost", "/_gate/login?rd=%2F"},
	} {
		g := start(t, setup{public: c.public})
		res, _ := g.ask(t, strings.Replace(message("GET", "/", "Sec-Fetch-Mode: navigate"), "Host: app.example", "Host: "+c.host, 1))
		if got := res.Header.Get("Location"); got != c.want {
			t.Errorf("PUBLIC_URL %s, Host %s: Location = %q, want %q", c.public, c.host, got, c.want)
		}
	}
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}
