package proxy_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sidegate/identity"
)

// surface is a way for a request to reach the app.
type surface struct {
	name     string
	method   string
	target   string
	signedIn bool
	socket   bool
}

// surfaces are all ways to the app. What may not pass must pass on none of them.
func surfaces() []surface {
	return []surface{
		{name: "page", method: "GET", target: "/", signedIn: true},
		{name: "form", method: "POST", target: "/form", signedIn: true},
		{name: "preflight", method: "OPTIONS", target: "/api", signedIn: true},
		{name: "head", method: "HEAD", target: "/", signedIn: true},
		{name: "own word, app's path", method: "GET", target: "/_gate/other", signedIn: true},
		{name: "public page", method: "GET", target: "/public/logo.png"},
		{name: "public preflight", method: "OPTIONS", target: "/hook"},
		{name: "public head", method: "HEAD", target: "/public/"},
		{name: "public form", method: "POST", target: "/hook"},
		{name: "public page, signed in", method: "GET", target: "/public/logo.png", signedIn: true},
		{name: "socket", signedIn: true, socket: true},
	}
}

func publicPaths() []string { return []string{"/public/", "/hook"} }

// reach sends lines over the surface and returns what came to the app.
func (g *rig) reach(t *testing.T, s surface, lines ...string) request {
	t.Helper()
	before := len(g.app.hits())
	if s.signedIn && !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Cookie:") }) {
		lines = append(lines, g.signIn(t, alice()))
	}
	raw := message(s.method, s.target, lines...)
	if s.socket {
		raw = handshake(lines...)
	}
	res, _ := g.ask(t, raw)
	if want := http.StatusOK; res.StatusCode != want && !s.socket || s.socket && res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%s with %.200q was answered %s", s.name, lines, res.Status)
	}
	hits := g.app.hits()
	if len(hits) != before+1 {
		t.Fatalf("%s reached the app %d times, want once", s.name, len(hits)-before)
	}
	return hits[before]
}

// naiveFold is the strip rule once more, in the plainest form there is.
func naiveFold(name string) string {
	var out strings.Builder
	for _, b := range []byte(name) {
		if strings.IndexByte("abcdefghijklmnopqrstuvwxyz0123456789", b) >= 0 {
			out.WriteByte(b)
		} else if i := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZ", b); i >= 0 {
			out.WriteByte("abcdefghijklmnopqrstuvwxyz"[i])
		} else {
			out.WriteByte('-')
		}
	}
	return out.String()
}

// checkIdentity checks that the app was told of alice by each name once, and on
// a public path of nobody.
func checkIdentity(t *testing.T, s surface, got request, what string) {
	t.Helper()
	want := map[string]string{}
	if s.signedIn && !strings.HasPrefix(s.name, "public") {
		want = map[string]string{
			"X-User-Email": "alice@app.example", "X-User-Id": "1001", "X-User-Name": "Alice Ay",
			"X-User-Picture": "https://pics.example/a.png", "X-User-Groups": "staff,a%2Cb", "X-User-Logged-In": "true",
			"X-User-Assertion": "an assertion about 1001",
		}
	}
	found := map[string]string{}
	for _, f := range got.fields {
		if strings.HasPrefix(naiveFold(f.name), "x-user-") {
			if _, twice := found[f.name]; twice {
				t.Errorf("%s, %s: %s came twice", s.name, what, f.name)
			}
			found[f.name] = f.value
			if f.name == "X-User-Assertion" {
				found[f.name] = "an assertion about " + fmt.Sprint(payload(t, f.value)["sub"])
			}
		}
	}
	if fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("%s, %s: the app was told %v, want %v", s.name, what, found, want)
	}
}

// separators are all bytes that a header name may hold and that are no letter or
// digit (RFC 9110 5.6.2).
const separators = "!#$%&'*+-.^_`|~"

// aliases are spellings of an identity header that some reader takes for it.
func aliases() (names []string) {
	for _, base := range []string{
		"x-user-email", "x-user-id", "x-user-name", "x-user-picture", "x-user-groups", "x-user-logged-in",
		"x-user-assertion", "x-user-roles", "x-user-ticket", "x-user-sub",
	} {
		names = append(names, base, strings.ToUpper(base), strings.ReplaceAll(base, "-", "_"))
	}
	for _, sep := range separators {
		names = append(names, strings.ReplaceAll("X-User-Email", "-", string(sep)))
	}
	return append(names, "X-User_Email", "X_User-Email", "X.User-Id", "x.user_name", "x-uSeR-eMaIl")
}

// SEC-HDR-01, SEC-HDR-02, SEC-HDR-03, SEC-HDR-07, SEC-HDR-09: no spelling of an
// identity header passes, on any way to the app.
func TestStripDropsEverySpellingOfIdentityHeaders(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	for _, s := range surfaces() {
		var all []string
		for _, name := range aliases() {
			all = append(all, name+": evil", name+": evil2", name+":")
		}
		checkIdentity(t, s, g.reach(t, s, all...), "all spellings at once")
		for _, name := range []string{"X-User-Email", "x_user_email", "X.USER.EMAIL"} {
			checkIdentity(t, s, g.reach(t, s, name+": evil"), name)
		}
	}
}

// SEC-HDR-04: what is not known of somebody is not said, neither by the browser.
func TestStripDropsHeadersOfAbsentClaims(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	id := identity.Identity{Issuer: "https://accounts.google.com", Subject: "1001", Email: "alice@app.example", EmailVerified: true}
	lines := []string{
		"X-User-Name: admin", "X-User-Picture: https://evil.example/", "X-User-Groups: admins",
		"X_User_Groups: admins", "X-User-Roles: owner", "X-User-Assertion: e30.e30.", g.signIn(t, id),
	}
	for _, s := range surfaces() {
		got := g.reach(t, s, lines...)
		for _, f := range got.fields {
			switch naiveFold(f.name) {
			case "x-user-name", "x-user-picture", "x-user-groups", "x-user-roles":
				t.Errorf("%s: the app was told %s: %s", s.name, f.name, f.value)
			case "x-user-assertion":
				if said := payload(t, f.value); said["sub"] != "1001" || said["name"] != nil || said["groups"] != nil {
					t.Errorf("%s: the app was told %v", s.name, said)
				}
			}
		}
	}
}

// SEC-HDR-05, SEC-HDR-06, SEC-HDR-07: Connection cannot name what we set away.
func TestConnectionCannotRemoveOurHeaders(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	for _, s := range surfaces() {
		for _, lines := range [][]string{
			{"Connection: close, X-User-Email"},
			{"Connection: x-user-email"},
			{"Connection: X-User-Email,", "Connection: X-USER-ID, x-user-name"},
			{"Connection: cookie"},
			{"Connection: authorization, x-forwarded-for, host, x-forwarded-proto, x-forwarded-host"},
			{"Connection: x-user-groups", "X-User-Groups: evil"},
		} {
			got := g.reach(t, s, lines...)
			checkIdentity(t, s, got, strings.Join(lines, " "))
			for name, want := range map[string]string{
				"Host": "app.example", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "app.example",
			} {
				if values := got.all(name); len(values) != 1 || values[0] != want {
					t.Errorf("%s, %q: %s = %q, want %q once", s.name, lines, name, values, want)
				}
			}
		}
	}
}

// SEC-HDR-11: other proxies' words for an identity or an origin pass nowhere.
func TestStripDropsOtherProxiesHeaders(t *testing.T) {
	names := []string{
		"Proxy", "X-Original-URL", "X-Original-Host", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method",
		"X-Method-Override", "X-Streamlit-User", "X-Auth-Request-Email", "X-Auth-Request-User", "X-Remote-User",
		"X-Remote-Group", "Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups", "X-Goog-Authenticated-User-Email",
		"X-Goog-Iap-Jwt-Assertion", "X-Amzn-Oidc-Data", "X-Amzn-Oidc-Identity", "X-Webauth-User", "X-Pomerium-Jwt-Assertion",
		"X-Authentik-Username", "Cf-Access-Authenticated-User-Email", "Tailscale-User-Login", "X-Ms-Client-Principal-Name",
		"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Access-Token", "Forwarded", "X-Real-Ip", "X-Sp-User-Info",
		"Content_Length", "Transfer_Encoding", "Content.Length",
	}
	g := start(t, setup{paths: publicPaths()})
	for _, s := range surfaces() {
		var lines []string
		for _, name := range names {
			lines = append(lines, name+": canary", strings.ReplaceAll(name, "-", "_")+": canary")
		}
		for _, f := range g.reach(t, s, lines...).fields {
			if strings.Contains(f.value, "canary") {
				t.Errorf("%s: the app received %s", s.name, f.name)
			}
		}
	}
}

// SEC-HDR-15: Authorization is the app's own matter: it passes, and proves nothing.
func TestAuthorizationPassesAndIsNoProof(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	for _, s := range surfaces() {
		if got, want := g.reach(t, s, "Authorization: Bearer x").get("Authorization"), "Bearer x"; got != want {
			t.Errorf("%s: Authorization = %q, want %q", s.name, got, want)
		}
	}
	hits := len(g.app.hits())
	for _, value := range []string{"Bearer x", "Basic YTpi", "Bearer " + strings.Repeat("a", 43)} {
		res, _ := g.ask(t, message("GET", "/", "Authorization: "+value))
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("Authorization: %s alone was answered %s, want 401", value, res.Status)
		}
	}
	if got := len(g.app.hits()); got != hits {
		t.Error("Authorization alone reached the app")
	}
}
