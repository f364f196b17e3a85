package main

import (
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sidegate/config"
	"sidegate/identity"
	"sidegate/login"
	"sidegate/login/logintest"
	"sidegate/session"
)

// replace puts a file in another's place, as an editor does.
func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// rolesOf asks who the cookie's owner is.
func rolesOf(t *testing.T, s *server, cookie *http.Cookie) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.public.Addr().String()+"/_gate/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(cookie)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var info struct{ Roles []string }
	if err := json.NewDecoder(res.Body).Decode(&info); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", res.Status, err)
	}
	return strings.Join(info.Roles, ",")
}

// waitFor waits for what the contract promises within five seconds; tests on a noisy
// machine get longer, and the log says how long it took.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > 20*time.Second {
			t.Fatalf("%s did not come to be", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("%s after %v", what, time.Since(began).Round(10*time.Millisecond))
}

// A changed role map counts within five seconds, at requests and for open WebSockets;
// a broken one changes nothing and is said once (SEC-DOM-13).
func TestTheRoleMapIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "roles")
	replace(t, file, "editor: alice@example.com\nviewer: @example.com\n")
	settings(t, append(runnable(), "UPSTREAM="+socketApp(t), "ROLES_FILE="+file)...)
	c, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	said := &output{}
	s, err := newServer(c, nil, streams{said, said})
	if err != nil {
		t.Fatal(err)
	}
	go s.serve(t.Context())
	_, alices := signIn(t, s.sessions, person("alice"), linuxFirefox, "")
	_, bobs := signIn(t, s.sessions, person("bob"), linuxFirefox, "")
	if a, b := rolesOf(t, s, alices), rolesOf(t, s, bobs); a != "editor,viewer" || b != "viewer" {
		t.Fatalf("alice has %q, bob %q", a, b)
	}
	alice, bob := openSocket(t, s, alices), openSocket(t, s, bobs)

	replace(t, file, "admin: alice@example.com\nviewer: @example.com\n")
	waitFor(t, "another role", func() bool { return rolesOf(t, s, alices) == "admin,viewer" })
	select {
	case code := <-alice:
		if code != websocket.StatusServiceRestart {
			t.Errorf("alice's socket was closed with code %d, want 1012", code)
		}
	case <-time.After(10 * time.Second):
		t.Error("alice's socket is still open")
	}
	wantOpen(t, "bob's socket, whose roles are the same", bob)

	replace(t, file, "admin: alice\nviewer @example.com\n")
	waitFor(t, "a word of the mistake", func() bool { return strings.Contains(said.String(), "line 1 has") })
	time.Sleep(2*policyStep + policyStep/2)
	if n := strings.Count(said.String(), "the last good one stays in force"); n != 1 || !strings.Contains(said.String(), "line 2 has no colon") {
		t.Errorf("a broken map was said %d times: %s", n, said)
	}
	if got := rolesOf(t, s, alices); got != "admin,viewer" {
		t.Errorf("with a broken map alice has %q", got)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a word of the missing file", func() bool { return strings.Contains(said.String(), "no such file") })
	time.Sleep(2*policyStep + policyStep/2)
	if n := strings.Count(said.String(), "no such file"); n != 1 {
		t.Errorf("a missing map was said %d times: %s", n, said)
	}
	if got := rolesOf(t, s, alices); got != "admin,viewer" {
		t.Errorf("without the file alice has %q", got)
	}
	replace(t, file, "")
	waitFor(t, "an emptied map", func() bool { return rolesOf(t, s, alices) == "" && rolesOf(t, s, bobs) == "" })
	select {
	case code := <-bob:
		if code != websocket.StatusServiceRestart {
			t.Errorf("bob's socket was closed with code %d, want 1012", code)
		}
	case <-time.After(10 * time.Second):
		t.Error("bob's socket is still open, though he has no role any more")
	}
}

func TestABrokenRoleMapStopsTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "roles")
	replace(t, file, "admin: alice@example.com\n\nadmins alice@example.com")
	settings(t, append(runnable(), "UPSTREAM=http://127.0.0.1:1", "ROLES_FILE="+file)...)
	if code, _, err := do("serve"); code != 2 || !strings.Contains(err, file+"\", in which line 3 has no colon") {
		t.Errorf("code %d, %s", code, err)
	}
}

func TestAKeyThatIsNoneStopsTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.json")
	replace(t, file, `{"type":"authorized_user","private_key":"canary-private-key"}`)
	settings(t, append(runnable(), "UPSTREAM=http://127.0.0.1:1", "GOOGLE_GROUPS_JSON="+file)...)
	code, _, err := do("serve")
	if code != 2 || !strings.Contains(err, "SIDEGATE_GOOGLE_GROUPS_JSON names a file that is not the JSON key of a service account") || strings.Contains(err, "canary") {
		t.Errorf("code %d, %s", code, err)
	}
}

// The rules reach the policy: groups that the sign-in told let in (SEC-DOM-14).
func TestAllowedGroupsAreInForce(t *testing.T) {
	s := serving(t, "ALLOWED_DOMAINS=", "ALLOWED_GROUPS=/ops,R%26D%2C Lodz")
	for _, tt := range []struct {
		group string
		want  bool
	}{{"/ops", true}, {"R&D, Lodz", true}, {"R%26D%2C Lodz", false}, {"ops", false}} {
		id := person("zoe")
		id.Groups = []string{"x", tt.group}
		if got := s.policy.book.Decide(id).Allowed; got != tt.want {
			t.Errorf("%s: admitted %v", tt.group, got)
		}
	}
	if got := whoMayEnter(s.config.Access); got != "members of 2 group(s)" {
		t.Errorf("the start says: %s", got)
	}
}

// Whoever has no request under way but an open page is asked about as well.
func TestOpenConnectionsAreHeldToWhatIsTrue(t *testing.T) {
	var live session.Live
	p, err := openPolicy(config.Access{Emails: []string{"alice@example.com"}}, nil, &live, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var why []session.Reason
	id := person("alice")
	told := id
	told.Roles = []string{"admin"}
	live.AddTold(session.Session{ID: "a", Identity: id}, told, func(r session.Reason) { why = append(why, r) })
	live.AddTold(session.Session{ID: "b", Identity: id}, id, func(r session.Reason) { t.Errorf("closed: %v", r) })
	other := identity.Identity{Issuer: id.Issuer, Subject: "m", Email: "mallory@example.com", EmailVerified: true}
	live.Add(session.Session{ID: "c", Identity: other}, func(r session.Reason) { why = append(why, r) })
	p.apply()
	if len(why) != 2 || why[0] != session.Ended() || why[1] != session.Renewed() {
		t.Errorf("closed: %v", why)
	}
}

// A handshake may be decided before a change and be registered after the look at all
// that are open.
func TestAConnectionThatOpensDuringAChangeIsHeldToIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "roles")
	replace(t, file, "editor: alice@example.com")
	var live session.Live
	p, err := openPolicy(config.Access{Emails: []string{"alice@example.com"}, RolesFile: file}, nil, &live, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	told, _ := p.book.Look(person("alice"))
	replace(t, file, "admin: alice@example.com")
	p.reload()
	closed := 0
	live.AddTold(session.Session{ID: "a", Identity: person("alice")}, told, func(session.Reason) { closed++ })
	p.reload()
	if closed != 1 {
		t.Error("it was told the old roles, and stays open")
	}
}

// Whoever has nothing but an open WebSocket is asked about again as well: the page may
// send nothing for hours.
func TestGroupsOfPeopleWithOpenConnectionsAreAskedForAgain(t *testing.T) {
	api := logintest.NewCloudIdentity(t)
	source, err := login.NewGoogleGroups(api.Key(), api.Base(), "")
	if err != nil {
		t.Fatal(err)
	}
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	var live session.Live
	p, err := openPolicy(config.Access{Groups: []string{"staff@example.com"}}, nil, &live, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p.useDirectory(login.NewDirectory(source, 10*time.Minute, now, slog.New(slog.DiscardHandler)))
	closed := make(chan session.Reason, 2)
	open := func(id identity.Identity) {
		t.Helper()
		told, d := p.book.Admit(t.Context(), id)
		if !d.Allowed {
			t.Fatalf("%s may not pass: %+v", id.Email, d)
		}
		live.AddTold(session.Session{ID: rand.Text(), Identity: id}, told, func(r session.Reason) { closed <- r })
	}
	wantReason := func(what string, want session.Reason) {
		t.Helper()
		for giveUp := time.Now().Add(10 * time.Second); time.Now().Before(giveUp); time.Sleep(10 * time.Millisecond) {
			p.reload()
			select {
			case got := <-closed:
				if got != want {
					t.Errorf("%s: closed with %+v, want %+v", what, got, want)
				}
				return
			default:
			}
		}
		t.Errorf("%s: still open", what)
	}
	alice := person("alice")
	api.Put(alice.Email, "staff@example.com", "admins@example.com")
	open(alice)
	p.reload()
	ahead.Add(int64(11 * time.Minute))
	api.Put(alice.Email, "staff@example.com")
	wantReason("another group", session.Renewed())

	live = session.Live{}
	open(alice)
	ahead.Add(int64(11 * time.Minute))
	api.Put(alice.Email)
	wantReason("no group any more", session.Ended())

	// Google is down: open connections outlive the lifetime, and not the grace.
	live = session.Live{}
	api.Put(alice.Email, "staff@example.com")
	ahead.Add(int64(11 * time.Minute))
	for giveUp := time.Now().Add(10 * time.Second); !p.book.Decide(alice).Allowed && time.Now().Before(giveUp); time.Sleep(10 * time.Millisecond) {
		p.directory.Refresh(alice)
	}
	open(alice)
	api.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
		logintest.Refuse(w, http.StatusServiceUnavailable, "down")
		return true
	})
	ahead.Add(int64(10*time.Minute + login.GroupsGrace - time.Minute))
	for range 20 {
		p.reload()
		time.Sleep(10 * time.Millisecond)
	}
	select {
	case got := <-closed:
		t.Errorf("within the grace: closed with %+v", got)
	default:
	}
	ahead.Add(int64(2 * time.Minute))
	wantReason("after the grace", session.Ended())
}
