package proxy_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/access"
	"sidegate/identity"
	"sidegate/session"
)

// directory knows, or does not know, the same groups for everybody.
type directory struct {
	mu     sync.Mutex
	groups []string
	known  bool
}

func (d *directory) says(known bool, groups ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.groups, d.known = groups, known
}

func (d *directory) Groups(identity.Identity) ([]string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.groups, d.known
}

func (*directory) Learn(context.Context, identity.Identity) {}

func (g *rig) apply() (closed, renewed int) {
	closed = g.live.CloseWho(func(id identity.Identity) bool { return !g.policy.Decide(id).Allowed })
	renewed = g.live.Renew(func(s session.Session, told identity.Identity) bool {
		now, _ := g.policy.Look(s.Identity)
		return !slices.Equal(now.Roles, told.Roles) || !slices.Equal(now.Groups, told.Groups)
	})
	return closed, renewed
}

// Roles are those of the map in force at the request, wherever they are shown; what a
// browser says of roles is not heard (SEC-HDR-04).
func TestRolesAreThoseOfThisMoment(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	cookie := g.signIn(t, alice())
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"editor: alice@app.example\nadmin: group:staff\nowner: bob@app.example", "admin,editor"},
		{"admin: group:others\nviewer: @app.example", "viewer"},
		{"admin: bob@app.example", ""},
	} {
		g.giveRoles(t, tt.text)
		for _, s := range []surface{page(), {name: "socket", socket: true}} {
			req := g.reach(t, s, cookie, "X-User-Roles: owner", "X_User.Roles: owner")
			if got := req.get("X-User-Roles"); got != tt.want {
				t.Errorf("%s: the %s is told the roles %q, want %q", tt.text, s.name, got, tt.want)
			}
			said, _ := json.Marshal(payload(t, req.get("X-User-Assertion"))["roles"])
			if got := strings.NewReplacer(`["`, "", `"]`, "", `","`, ",", "null", "").Replace(string(said)); got != tt.want {
				t.Errorf("%s: the assertion of the %s says %s, want %q", tt.text, s.name, said, tt.want)
			}
		}
		if got := g.reach(t, surface{name: "public", method: "GET", target: "/public/"}, cookie).get("X-User-Roles"); got != "" {
			t.Errorf("%s: a public path is told the roles %q", tt.text, got)
		}
		var info struct{ Roles []string }
		_, body := g.ask(t, message("GET", "/_gate/userinfo", cookie))
		if err := json.Unmarshal([]byte(body), &info); err != nil || strings.Join(info.Roles, ",") != tt.want {
			t.Errorf("%s: /_gate/userinfo says %s, %v", tt.text, body, err)
		}
		shown := g.accountPage(t, cookie)
		if got := strings.Contains(shown, "<dt>Roles</dt>"); got != (tt.want != "") {
			t.Errorf("%s: /_gate/ shows roles: %v", tt.text, got)
		}
		for role := range strings.SplitSeq(tt.want, ",") {
			if role != "" && !strings.Contains(shown, "<code>"+role+"</code>") {
				t.Errorf("%s: /_gate/ does not show %s", tt.text, role)
			}
		}
	}
}

// An app reads the headers of a WebSocket once: when they would be others now it is
// closed, with a code on which pages connect again, and only then.
func TestSocketsOfPeopleWhoseRolesChangeAreOpenedAnew(t *testing.T) {
	g := start(t, setup{})
	g.giveRoles(t, "editor: alice@app.example, bob@app.example")
	bob := alice()
	bob.Subject, bob.Email = "1002", "bob@app.example"
	cookie := g.signIn(t, alice())
	alices, _ := g.socket(t, cookie)
	bobs, bobsApp := g.socket(t, g.signIn(t, bob))
	if closed, renewed := g.apply(); closed != 0 || renewed != 0 {
		t.Fatalf("nothing changed, and %d were closed and %d renewed", closed, renewed)
	}
	g.giveRoles(t, "editor: bob@app.example\nadmin: alice@app.example")
	if closed, renewed := g.apply(); closed != 0 || renewed != 1 {
		t.Errorf("%d were closed and %d renewed, want 0 and 1", closed, renewed)
	}
	listen(alices.in).wantClose(t, "alice, who has another role", 1012, "groups or roles changed")
	eventually(t, "the reason in the log", func() bool { return strings.Contains(g.log.String(), `"decision":"roles_changed"`) })
	bobs.send(t, "\x82\x81\x01\x02\x03\x04x")
	wantBytes(t, bobsApp.in, []byte("\x82\x81\x01\x02\x03\x04x"), "bob's app")
	again, _ := g.socket(t, cookie)
	if got := g.lastHit(t).get("X-User-Roles"); got != "admin" {
		t.Errorf("the new socket is told the roles %q", got)
	}
	if closed, renewed := g.apply(); closed != 0 || renewed != 0 {
		t.Errorf("told the present roles, and %d were closed and %d renewed", closed, renewed)
	}
	// Who may no longer pass at all is not asked back.
	g.admit(t, "bob@app.example")
	g.giveRoles(t, "editor: bob@app.example")
	g.apply()
	listen(again.in).wantClose(t, "alice, who may not pass any more", 1008, "session ended")
}

// A request under way goes on with what it was told: cutting an upload helps nobody.
func TestARequestUnderWayOutlivesAChangeOfRoles(t *testing.T) {
	g := start(t, setup{})
	under := make(chan struct{})
	goOn := make(chan struct{})
	g.app.answers(func(c *appConn, req request) bool {
		close(under)
		<-goOn
		_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"))
		return true
	})
	cookie := g.signIn(t, alice())
	time.AfterFunc(0, func() {
		<-under
		g.giveRoles(t, "admin: alice@app.example")
		g.apply()
		close(goOn)
	})
	if res, body := g.ask(t, message("GET", "/", cookie)); res.StatusCode != http.StatusOK || body != "done" {
		t.Errorf("got %s %q", res.Status, body)
	}
}

// Failure closed for what needs a group, never for what does not; and nobody is sent
// to sign in, or told they may not, while that cannot be said.
func TestGroupsThatCannotBeConfirmed(t *testing.T) {
	d := &directory{}
	const step = 100 * time.Millisecond // of noting activity: then the session is written
	g := start(t, setup{policy: &access.Book{Directory: d}, limits: session.Limits{Idle: 20 * step, Max: time.Hour}})
	policy, err := access.NewPolicy(access.Rules{Groups: []string{"ops@app.example"}, Emails: []string{"bob@app.example"}})
	if err != nil {
		t.Fatal(err)
	}
	g.policy.Set(policy)
	g.giveRoles(t, "admin: group:ops@app.example")
	bob := alice()
	bob.Subject, bob.Email = "1002", "bob@app.example"
	alices, bobs := g.signIn(t, alice()), g.signIn(t, bob)
	for _, tt := range []struct {
		name       string
		known      bool
		groups     []string
		alice, bob int
		roles      string
	}{
		{"unknown", false, nil, 503, 200, ""},
		{"a member", true, []string{"ops@app.example"}, 200, 200, "admin"},
		{"no member any more", true, nil, 403, 200, ""},
		{"unknown again", false, nil, 503, 200, ""},
	} {
		d.says(tt.known, tt.groups...)
		time.Sleep(step + 10*time.Millisecond)
		for who, want := range map[string]int{alices: tt.alice, bobs: tt.bob} {
			res, body := g.ask(t, message("GET", "/x", who))
			if res.StatusCode != want {
				t.Errorf("%s: a request was answered %s, want %d", tt.name, res.Status, want)
			}
			if want == 503 && (!strings.Contains(body, "groups_unknown") || res.Header.Get("Retry-After") == "" || res.Header.Get("Set-Cookie") != "") {
				t.Errorf("%s: %v %s", tt.name, res.Header, body)
			}
			if want == 200 && g.lastHit(t).get("X-User-Roles") != tt.roles {
				t.Errorf("%s: roles %q, want %q", tt.name, g.lastHit(t).get("X-User-Roles"), tt.roles)
			}
		}
	}
	// The groups were not kept with the session.
	d.says(true)
	if res, _ := g.ask(t, message("GET", "/", bobs)); res.StatusCode != 200 || strings.Contains(g.lastHit(t).get("X-User-Groups"), "ops") {
		t.Errorf("%s, groups %q", res.Status, g.lastHit(t).get("X-User-Groups"))
	}
}
