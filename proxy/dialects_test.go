package proxy_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"sidegate/identity"
	"sidegate/proxy"
)

// zoe is the example person of docs/headers.md.
func zoe() identity.Identity {
	return identity.Identity{
		Issuer: "https://accounts.google.com", Subject: "110169484474386276334", Email: "zoe@app.example", EmailVerified: true,
		Name: "Zoë Błażej", Picture: "https://pics.example/zoe.png", Groups: []string{"staff", "R&D, Łódź"},
	}
}

// told returns what somebody is told of id over the wire, in wire order, apart from
// what every request carries.
func told(t *testing.T, g *rig, s surface, id identity.Identity) []field {
	t.Helper()
	g.giveRoles(t, "editor: zoe@app.example, alice@app.example\nadmin: group:staff")
	always := map[string]bool{"Cookie": true}
	for _, f := range g.reach(t, surface{name: "public", method: "GET", target: "/public/"}).fields {
		always[f.name] = true
	}
	var list []field
	for _, f := range g.reach(t, s, g.signIn(t, id)).fields {
		if always[f.name] || s.socket && (strings.HasPrefix(f.name, "Sec-Websocket-") || f.name == "Connection" || f.name == "Upgrade" || f.name == "Origin") {
			continue
		}
		list = append(list, f)
	}
	return list
}

func page() surface { return surface{name: "page", method: "GET", target: "/"} }

// docs/headers.md shows what goes over the wire, and all of it.
func TestTheManualShowsWhatEachDialectSends(t *testing.T) {
	manual, err := os.ReadFile("../docs/headers.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| preset | header | value |\n|---|---|---|\n")
	for _, preset := range proxy.HeaderPresets() {
		g := start(t, setup{paths: publicPaths(), headers: []proxy.HeaderRule{{Preset: preset}}})
		for _, s := range []surface{page(), {name: "socket", socket: true}} {
			var rows strings.Builder
			for _, f := range told(t, g, s, zoe()) {
				value := "`" + strings.ReplaceAll(f.value, "|", `\|`) + "`"
				if strings.HasPrefix(f.value, "eyJ") {
					value = "a signed assertion"
				}
				fmt.Fprintf(&rows, "| %s | `%s` | %s |\n", preset, f.name, value)
			}
			if s.socket && !strings.HasSuffix(table.String(), rows.String()) {
				t.Errorf("%s: a WebSocket is told\n%s", preset, &rows)
			} else if !s.socket {
				table.WriteString(rows.String())
			}
		}
	}
	if !strings.Contains(string(manual), "\n"+table.String()+"\n") {
		t.Errorf("docs/headers.md does not show what is sent:\n%s", &table)
	}
}

// So does what it says of each encoding.
func TestTheManualShowsHowNamesAreWritten(t *testing.T) {
	manual, err := os.ReadFile("../docs/headers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, encoding := range []string{"", "utf8", "latin1", "rfc2047"} {
		g := start(t, setup{paths: publicPaths(), headers: []proxy.HeaderRule{rule("X-Name", placeholder("name", encoding))}})
		written := strings.TrimSuffix("{name:"+encoding, ":") + "}"
		sent := told(t, g, page(), zoe())
		if len(sent) != 1 || !strings.Contains(string(manual), "| `"+written+"` | `"+sent[0].value+"`") {
			t.Errorf("docs/headers.md does not show that %s is sent as %q", written, sent)
		}
	}
}

func rule(name string, value ...proxy.HeaderPart) proxy.HeaderRule {
	return proxy.HeaderRule{Name: name, Value: value}
}

func placeholder(name, encoding string) proxy.HeaderPart {
	return proxy.HeaderPart{Placeholder: name, Encoding: encoding}
}

func ownHeaders() []proxy.HeaderRule {
	return []proxy.HeaderRule{
		rule("X-Login", placeholder("user", "")),
		rule("X-Team", placeholder("domain", ""), proxy.HeaderPart{Text: "/"}, placeholder("id", "")),
		rule("X-Nick", proxy.HeaderPart{Text: "~"}, placeholder("name", "latin1")),
		rule("Department", placeholder("groups", "utf8")),
		rule("X-Proof", placeholder("assertion", "")),
		rule("X-Behind", proxy.HeaderPart{Text: "sidegate"}),
	}
}

func TestOwnHeadersAreSentAsTheyAreWritten(t *testing.T) {
	g := start(t, setup{paths: publicPaths(), headers: ownHeaders()})
	for _, s := range []surface{page(), {name: "socket", socket: true}} {
		got := map[string]string{}
		for _, f := range told(t, g, s, zoe()) {
			got[f.name] = f.value
		}
		if sub := payload(t, got["X-Proof"])["sub"]; sub != zoe().Subject {
			t.Errorf("%s: X-Proof is about %v", s.name, sub)
		}
		delete(got, "X-Proof")
		want := map[string]string{
			"X-Login": "zoe", "X-Team": "app.example/110169484474386276334", "X-Behind": "sidegate",
			"X-Nick":     "~Zo%C3%AB%20B%C5%82a%C5%BCej", // Latin-1 has no ł
			"Department": "staff,R&D%2C Łódź",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: the app was told %q, want %q", s.name, got, want)
		}
	}
	id := zoe()
	id.Name, id.Groups = "Zoë", nil
	for _, f := range told(t, g, page(), id) {
		if f.name == "X-Nick" && f.value != "~Zo\xeb" {
			t.Errorf("X-Nick = %q, want Latin-1", f.value)
		}
		if f.name == "Department" {
			t.Errorf("an unknown claim is sent as %q", f.value)
		}
	}
}

// SEC-HDR-01 to -05, -07, -09, -10: names of one's own are guarded like ours, on
// every way to the app, whether the claim is there or not, and so are the names of
// dialects that are not spoken.
func TestNobodyElseSetsOwnHeaders(t *testing.T) {
	g := start(t, setup{paths: publicPaths(), headers: ownHeaders()})
	id := zoe()
	id.Name, id.Groups = "", nil // X-Nick and Department are not sent
	var lines []string
	for _, r := range ownHeaders() {
		lines = append(lines, r.Name+": evil", r.Name+": evil", strings.ToUpper(r.Name)+":", strings.ReplaceAll(r.Name, "-", "_")+": evil")
		for _, sep := range separators {
			lines = append(lines, strings.ReplaceAll(r.Name, "-", string(sep))+": evil")
		}
	}
	lines = append(lines, aliases()...)
	for i, l := range lines {
		if !strings.Contains(l, ":") {
			lines[i] = l + ": evil"
		}
	}
	lines = append(lines, "Connection: X-Login, x-proof, department")
	for _, s := range surfaces() {
		sent := append([]string(nil), lines...)
		if s.signedIn {
			sent = append(sent, g.signIn(t, id))
		}
		var names []string
		for _, f := range g.reach(t, s, sent...).fields {
			if strings.Contains(f.value, "evil") || strings.HasPrefix(naiveFold(f.name), "x-user-") || f.name == "X-Nick" || f.name == "Department" {
				t.Errorf("%s: the app was told %s: %s", s.name, f.name, f.value)
			}
			if strings.HasPrefix(f.name, "X-") && !strings.HasPrefix(f.name, "X-Forwarded-") {
				names = append(names, f.name)
			}
		}
		want := "[X-Behind X-Login X-Proof X-Team]"
		if strings.HasPrefix(s.name, "public") {
			want = "[]"
		}
		if fmt.Sprint(names) != want {
			t.Errorf("%s: the app was told %v, want %s", s.name, names, want)
		}
	}
}

func TestTrailersCannotSetOwnHeaders(t *testing.T) {
	g := start(t, setup{paths: publicPaths(), headers: ownHeaders()})
	for _, to := range []string{"/form", "/hook"} {
		raw := message("POST", to, g.signIn(t, zoe()), "Transfer-Encoding: chunked", "Trailer: X-Sum, X-Login, x_login")
		g.ask(t, raw+"3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Login: evil\r\nx_login: evil\r\nX.Behind: evil\r\nDepartment: evil\r\n\r\n")
		got := g.app.hits()[len(g.app.hits())-1]
		if !strings.Contains(got.body, "abc\r\n0\r\nX-Sum: 1\r\n\r\n") || got.get("Trailer") != "X-Sum" {
			t.Errorf("%s: the app received %q, trailers %q announced", to, got.body, got.get("Trailer"))
		}
	}
}

// A header of one's own that is called like one of ours means what its owner says.
func TestOwnHeadersMayTakeOurNames(t *testing.T) {
	g := start(t, setup{paths: publicPaths(), headers: []proxy.HeaderRule{rule("X-User-Email", placeholder("id", ""))}})
	got := g.reach(t, page(), g.signIn(t, zoe()), "X-User-Email: evil", "X-User-Id: evil")
	if email, id := got.get("X-User-Email"), got.all("X-User-Id"); email != zoe().Subject || id != nil {
		t.Errorf("X-User-Email = %q, X-User-Id = %q", email, id)
	}
}

func TestRulesThatContradictEachOtherAreRefused(t *testing.T) {
	for _, tt := range []struct {
		rules []proxy.HeaderRule
		want  string // part of the error; empty: none
	}{
		{[]proxy.HeaderRule{{Preset: "grafana"}, {Preset: "grafana"}}, ""},
		{[]proxy.HeaderRule{{Preset: "oauth2-proxy"}, {Preset: "databricks"}}, ""},
		{[]proxy.HeaderRule{{Preset: "sidegate"}, rule("x_user_email", placeholder("email", ""))}, ""},
		{[]proxy.HeaderRule{{Preset: "sidegate"}, rule("x_user_email", placeholder("user", ""))}, "X_user_email twice"},
		{[]proxy.HeaderRule{rule("X-A", placeholder("name", "")), rule("X.A", placeholder("name", "utf8"))}, "X.a twice"},
		{[]proxy.HeaderRule{{Preset: "nginx"}}, `"nginx", which is no preset`},
		{[]proxy.HeaderRule{rule("X-A", placeholder("mail", ""))}, "{mail:} in X-A"},
		{[]proxy.HeaderRule{rule("X-A", placeholder("email", "utf16"))}, "{email:utf16} in X-A"},
	} {
		_, err := proxy.NewHeaders(tt.rules, nil)
		if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.rules, err, tt.want)
		}
	}
}

// SEC-HDR-12: whatever somebody calls themselves, in every dialect it stays one
// value of one header, and the app is told of the same person.
func TestNoDialectLetsANameBreakOut(t *testing.T) {
	presets := []proxy.HeaderRule{}
	for _, p := range proxy.HeaderPresets() {
		presets = append(presets, proxy.HeaderRule{Preset: p})
	}
	for _, e := range []string{"latin1", "utf8", "rfc2047"} {
		presets = append(presets, rule("X-In-"+e, placeholder("name", e)))
	}
	g := start(t, setup{paths: publicPaths(), headers: presets})
	var want []string
	for _, f := range told(t, g, page(), zoe()) {
		want = append(want, f.name)
	}
	for _, claim := range []string{
		"Bob\r\nX-User-Id: 1", "Bob\nRemote-User: root", "nul\x00", "Zoë\u0085Remote-User: root", "Å\u2028Remote-User: root",
		"x\u00c5Remote-User: root", "del\x7f", " edges ", "\u00a0nbsp\u00a0", "=?utf-8?q?root?=", "a,admins|root", strings.Repeat("é", 300),
	} {
		id := zoe()
		id.Name, id.Groups = claim, []string{claim, "staff"}
		var names []string
		for _, f := range told(t, g, page(), id) {
			names = append(names, f.name)
			if strings.ContainsFunc(f.value, func(r rune) bool { return r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 || r == '\u2028' }) {
				t.Errorf("%q: %s = %q holds a control character", claim, f.name, f.value)
			}
			if strings.Contains(f.value, "\x85Remote-User:") {
				t.Errorf("%q: %s = %q is two lines to a reader of Latin-1", claim, f.name, f.value)
			}
			separator := map[string]string{
				"X-User-Groups": ",", "X-Forwarded-Groups": ",", "Remote-Groups": ",", "X-Authentik-Groups": "|", "X-Webauth-Groups": ",",
				"X-Auth-Request-Groups": ",", "X-Pomerium-Claim-Groups": ",", "X-Sp-Usergroups": ",",
			}[f.name]
			if separator != "" && strings.Count(f.value, separator) != 1 {
				t.Errorf("%q: %s = %q, want two groups", claim, f.name, f.value)
			}
		}
		if fmt.Sprint(names) != fmt.Sprint(want) {
			t.Errorf("%q: the app was told %v, want %v", claim, names, want)
		}
	}
}

// The page says what is really sent, but for the assertion, which would be worth
// something to whoever sees a picture of the page.
func TestTheAccountPageShowsTheHeadersThatAreSent(t *testing.T) {
	g := start(t, setup{paths: publicPaths(), headers: append(ownHeaders(), proxy.HeaderRule{Preset: "authelia"}, rule("X-Latin", placeholder("name", "latin1")))})
	id := zoe()
	id.Name = "Zoë"
	cookie := g.signIn(t, id)
	res, body := g.ask(t, message("GET", "/_gate/", cookie, "Sec-Fetch-Mode: navigate"))
	if res.StatusCode != http.StatusOK {
		t.Fatalf("/_gate/ was answered %s", res.Status)
	}
	for _, f := range told(t, g, page(), id) {
		value := strings.NewReplacer("Zo\xeb", "Zoë", "&", "&amp;").Replace(f.value)
		if f.name == "X-Proof" {
			if strings.Contains(body, value) || strings.Contains(body, value[30:]) {
				t.Error("the page shows the whole assertion")
			}
			value = value[:12] + "… (signed, "
		}
		if want := "<code>" + f.name + "</code></dt><dd><code>" + value; !strings.Contains(body, want) {
			t.Errorf("the page does not show %s", want)
		}
	}
	if strings.Contains(body, "X-User-Email") {
		t.Error("the page shows a header that is not sent")
	}
}
