package proxy_test

import (
	"net/http"
	"strings"
	"testing"
)

// wantTurnedAway checks that a request without a session is refused or sent to
// sign in, and that the app hears nothing of it.
func (g *rig) wantTurnedAway(t *testing.T, raw string) {
	t.Helper()
	before := len(g.app.hits())
	res, _ := g.ask(t, raw)
	if res.StatusCode != http.StatusFound && (res.StatusCode < 400 || res.StatusCode > 431) {
		t.Errorf("%.200q was answered %s", raw, res.Status)
	}
	if hits := g.app.hits(); len(hits) != before {
		t.Errorf("%.200q reached the app as %s", raw, hits[len(hits)-1].line)
	}
}

// SEC-SKIP-01, SEC-SKIP-02, SEC-SKIP-03, SEC-SKIP-04: what some app could read as
// another path than the public one needs a session.
func TestOnlyPlainPathsArePublic(t *testing.T) {
	g := start(t, setup{paths: []string{"/public/", "/exact", "/app.css"}})
	for _, target := range []string{
		"/secret?x=/public", "/secret?/_stcore/health", "/secret?/public/", "/?/exact",
		"/public/../secret", "/public/%2e%2e/secret", "/public/%2E%2e/secret", "/public/..%2fsecret", "/public/..;/secret",
		"/public/..;x=y/secret", "/public//../secret", "/public/.%2e/secret", `/public/..\secret`, `/public\..\secret`,
		"/public/%5c../secret", "/public/..%5csecret", "/public/x/../../secret", "/public/./../secret", "/public/..",
		"/public/.../secret", "/public/%20../secret", "/public/..%20/secret", "/public/..%00/secret",
		"/secret%23/public/", "/secret%3f/public/", "/secret#/public/", "/secret%00/public/", "/public/#/../secret",
		"/public/%3f/secret", "/public/%23x", "/Public/x", "/PUBLIC/x", "//public/x", "/public;x", "/public;x/y", "/public", "/public.",
		"/public./x", "/public//x", "/public/x//y", "/public/a%2fb", "/public/a%2Fb", "/public/%252e%252e/secret", "/public/%c0%ae%c0%ae/secret",
		"/public/..%c0%afsecret", "/public/%e0%80%ae%e0%80%ae/secret", "/public/x;jsessionid=1", "/public/%zz", "/public/\xff", "/public/é",
		"/exact/", "/exact/x", "/exactly", "/exact%20", "/exact%00", "/%65xact", "/exact;", "/exact.", "/app.css/x", "/app.css%00.png", "/appXcss",
		"/x/public/", "/_stcore/health", "/healthz", "*",
	} {
		for _, method := range []string{"GET", "POST"} {
			g.wantTurnedAway(t, message(method, target))
		}
	}
}

// SEC-SKIP-05, SEC-SKIP-06: no header makes a path public, nor does the way its
// target is written.
func TestHeadersMakeNothingPublic(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	for _, line := range []string{
		"X-Forwarded-Uri: /public/x", "X-Original-URL: /public/x", "X-Rewrite-URL: /public/x", "X-Original-URI: /hook",
		"User-Agent: GoogleHC/1.0", "User-Agent: kube-probe/1.30", "User-Agent: ELB-HealthChecker/2.0", "X-HTTP-Method-Override: OPTIONS",
	} {
		g.wantTurnedAway(t, message("GET", "/secret", line))
	}
	g.wantTurnedAway(t, message("GET", "http://app.example/public/x"))
	g.wantTurnedAway(t, message("GET", "https://app.example/secret"))
}

// SEC-SKIP-07: every method meets the same gate; a rule for one opens no other.
func TestMethodsMeetTheSameGate(t *testing.T) {
	g := start(t, setup{paths: []string{"GET /read/", "POST /hook", "/any"}})
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "FOO", "get", "PROPFIND"} {
		g.wantTurnedAway(t, message(method, "/secret", "Access-Control-Request-Method: GET", "Origin: https://x.example"))
		for target, open := range map[string]bool{
			"/read/x": method == "GET" || method == "HEAD", "/hook": method == "POST", "/any": true,
		} {
			if !open {
				g.wantTurnedAway(t, message(method, target))
				continue
			}
			if res, _ := g.ask(t, message(method, target)); res.StatusCode != http.StatusOK {
				t.Errorf("%s %s was answered %s, want 200", method, target, res.Status)
			}
		}
	}
}

// SEC-SKIP-08: the query is the app's: any of it, byte for byte.
func TestQueryReachesTheAppUnchanged(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	for _, query := range []string{
		"", "a=1", "a=1&a=2&b", "a;b=c;d", "a=%zz", "%", "a=%", "&&&&", "a=b&&=c", "x=/public/&y=//..//", "a=+%20+", "q=\xc3\xa9",
		"a[]=1&a[]=2", "?", "a?b?c", "rd=https://evil.example/", "'\"<>|{}^`", strings.Repeat("p=1&", 10_001),
	} {
		for _, path := range []string{"/", "/public/x"} {
			target := path + "?" + query
			got := g.reach(t, surface{name: target[:min(60, len(target))], method: "GET", target: target, signedIn: true})
			if got.target() != target {
				t.Errorf("%.80q arrived as %.80q", target, got.target())
			}
		}
	}
	g.wantTurnedAway(t, message("GET", "/?a b"))
	g.wantTurnedAway(t, message("GET", "/?a#b"))
	g.wantTurnedAway(t, message("GET", "/?a\x01b"))
}

// SEC-SKIP-09: a socket lives as long as its session, so none is public.
func TestSocketsOnPublicPathsNeedASession(t *testing.T) {
	g := start(t, setup{paths: []string{"/_stcore/stream", "/public/"}})
	for _, raw := range []string{
		handshake(), strings.Replace(handshake(), "/_stcore/stream", "/public/x", 1),
	} {
		res, _ := g.ask(t, raw)
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("a socket without a session was answered %s, want 401", res.Status)
		}
	}
	g.app.wantNoHits(t)
	// Another upgrade there is a plain request.
	g.ask(t, message("GET", "/public/x", "Connection: Upgrade", "Upgrade: h2c"))
	if got := g.app.only(t); got.get("Upgrade") != "" {
		t.Errorf("the app received Upgrade: %s", got.get("Upgrade"))
	}
}

// SEC-SKIP-10: our own paths are exact; what only looks like one is the app's,
// behind the gate.
func TestOwnPathsAreExact(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	for _, target := range []string{
		"/_gate%2fuserinfo", "/_gate//userinfo", "/%5fgate/userinfo", "/_gate/userinfo/", "/_GATE/userinfo", "/_gate", "/_gate/%75serinfo",
		"/_gate;/userinfo", "//_gate/userinfo", "/_gate/unknown",
	} {
		g.wantTurnedAway(t, message("GET", target))
		if got := g.reach(t, surface{name: target, method: "GET", target: target}, cookie); got.target() != target {
			t.Errorf("%s arrived as %s", target, got.target())
		}
	}
	hits := len(g.app.hits())
	for _, target := range []string{"/x/..//_gate/userinfo", "/x/../_gate/userinfo", "/_gate/./userinfo", `/x\..\_gate`} {
		if res, _ := g.ask(t, message("GET", target, cookie)); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s was answered %s, want 400", target, res.Status)
		}
	}
	for _, target := range []string{"/_gate/userinfo", "/_gate/userinfo?x=/app", "/_gate/", "/_gate/?"} {
		if res, _ := g.ask(t, message("GET", target, cookie)); res.StatusCode != http.StatusOK {
			t.Errorf("%s was answered %s, want 200", target, res.Status)
		}
	}
	if got := len(g.app.hits()); got != hits {
		t.Errorf("the app received %d requests for our own paths", got-hits)
	}
}

// Odd but legal targets are the app's to understand: they arrive byte for byte.
func TestTargetsReachTheAppUnchanged(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	for _, target := range []string{
		"/a%2Fb", "/a%2fb", "/|", "//x", "//x/y", "///", "/?", "/%C3%A9", "/%c3%a9", "/é", "/\xff", "/a;b=c/d;e", "/[x]", "/{a}", "/a^b`c", `/"<>`,
		"/%41", "/a%20b", "/~user", "/a//b", "/a/", "/...", "/.hidden", "/a..b", "/%25", "/%252e%252e/x", "//a%2Fb", "//evil.example/x?y", "//a:b@c:80/",
		"/:", "/a:b", "/@", "/*", "/%E2%82%AC?%", "//[::1]/", "/http://x/",
	} {
		for _, s := range []surface{{method: "GET", target: target}, {method: "POST", target: target}} {
			if got := g.reach(t, s, cookie); got.target() != target {
				t.Errorf("%s %q arrived as %q", s.method, target, got.target())
			}
		}
		raw := strings.Replace(handshake(cookie), "/_stcore/stream", target, 1)
		g.ask(t, raw)
		if hits := g.app.hits(); hits[len(hits)-1].target() != target {
			t.Errorf("the handshake for %q arrived as %q", target, hits[len(hits)-1].target())
		}
	}
	// net/http cannot send these as they are, so they are refused, not rewritten.
	hits := len(g.app.hits())
	for _, target := range []string{"//a%2Fb|c", "//é", `//"`, "//a^b"} {
		if res, _ := g.ask(t, message("GET", target, cookie)); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%q was answered %s, want 400", target, res.Status)
		}
	}
	if got := len(g.app.hits()); got != hits {
		t.Error("a target that cannot be sent unchanged was sent")
	}
}
