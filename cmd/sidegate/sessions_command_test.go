package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

// running starts a server that the commands of this test find.
func running(t *testing.T, more ...string) *server {
	t.Helper()
	s := serving(t, more...)
	t.Setenv("SIDEGATE_ADMIN_LISTEN", s.admin.Addr().String())
	return s
}

const linuxFirefox = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"

func TestTheListOfSessionsIsATable(t *testing.T) {
	s := running(t)
	if code, out, err := do("sessions", "list"); code != 0 || out != "Nobody is signed in.\n" || err != "" {
		t.Errorf("code %d, %q, %q", code, out, err)
	}
	alice, _ := signIn(t, s.sessions, person("alice"), linuxFirefox, "192.0.2.7")
	odd := person("x")
	odd.Email = "x\x1b[31m\u202e@example.com"
	signIn(t, s.sessions, odd, "curl/8", "")
	code, out, err := do("sessions", "list")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || err != "" || len(lines) != 3 {
		t.Fatalf("code %d, %q, %q", code, out, err)
	}
	if !regexp.MustCompile(`^EMAIL +SIGNED IN +LAST SEEN +ENDS +BROWSER +ADDRESS +ID$`).MatchString(lines[0]) {
		t.Errorf("head: %q", lines[0])
	}
	row := regexp.MustCompile(`(?m)^alice@example\.com +a moment ago +a moment ago +in 7 days +Firefox on Linux +192\.0\.2\.7 +` + alice.ID + `$`)
	if !row.MatchString(out) {
		t.Errorf("no row of alice's in\n%s", out)
	}
	for column, title := range map[string]string{"in 7 days": "ENDS", "192.0.2.7": "ADDRESS", alice.ID: "ID"} {
		for _, line := range lines[1:] {
			if strings.HasPrefix(line, "alice") && strings.Index(line, column) != strings.LastIndex(lines[0], title) {
				t.Errorf("%q is not under %s:\n%s", column, title, out)
			}
		}
	}
	if strings.ContainsAny(out, "\x1b\u202e") {
		t.Error("an e-mail address steers the terminal")
	}
}

func TestTheListOfSessionsIsJSONOnRequest(t *testing.T) {
	s := running(t)
	alice, _ := signIn(t, s.sessions, person("alice"), linuxFirefox, "192.0.2.7")
	code, out, err := do("sessions", "list", "--json")
	var list sessionList
	if bad := json.Unmarshal([]byte(out), &list); code != 0 || err != "" || bad != nil || len(list.Sessions) != 1 || list.Sessions[0].ID != alice.ID {
		t.Errorf("code %d, %q, %q, %v", code, out, err, bad)
	}
	for range usualSessions {
		signIn(t, s.sessions, person("bob"), "", "")
	}
	for _, args := range [][]string{{"sessions", "list"}, {"sessions", "list", "--json"}} {
		if code, _, err := do(args...); code != 0 || !strings.Contains(err, "There are more") {
			t.Errorf("%v of %d sessions: code %d, %q", args, usualSessions+1, code, err)
		}
	}
}

func TestRevokingSaysWhatHappened(t *testing.T) {
	s := running(t)
	alice := func() string {
		made, _ := signIn(t, s.sessions, person("alice"), linuxFirefox, "")
		return made.ID
	}
	alice()
	alice()
	first := alice()
	for _, tt := range []struct {
		args []string
		code int
		out  string
		err  string
	}{
		{[]string{"id:" + first}, 0, "session " + first + " ended\n", ""},
		{[]string{"Alice@example.com"}, 0, "2 sessions of Alice@example.com ended\n", ""},
		{[]string{"alice@example.com"}, 1, "", "no session of alice@example.com\n"},
		{[]string{"NEW", "sub:alice-1", "sub:x", "carol@example.com"}, 1, "1 session of sub:alice-1 ended\n", "no session of sub:x\nno session of carol@example.com\n"},
		{[]string{"NEW", "--all"}, 0, "1 session ended\n", ""},
		{[]string{"--all"}, 0, "0 sessions ended\n", ""},
		{[]string{"alice"}, 1, "", "sidegate: Nobody was signed out: \"alice\" is no e-mail address, no sub:SUBJECT and no id:ID.\n"},
	} {
		if tt.args[0] == "NEW" {
			alice()
			tt.args = tt.args[1:]
		}
		if code, out, err := do(append([]string{"sessions", "revoke"}, tt.args...)...); code != tt.code || out != tt.out || err != tt.err {
			t.Errorf("%v: code %d, %q, %q", tt.args, code, out, err)
		}
	}
}

// Whoever reads the error knows what to look at.
func TestNoAnswerFromTheListenerIsExplained(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	addr := strings.TrimPrefix(closed.URL, "http://")
	settings(t, "ADMIN_LISTEN="+addr)
	for _, args := range [][]string{{"sessions", "list"}, {"sessions", "revoke", "--all"}, {"healthcheck"}} {
		code, out, err := do(args...)
		if code != 1 || out != "" || !strings.Contains(err, "no answer at "+addr+": is sidegate running") || !strings.Contains(err, "SIDEGATE_ADMIN_LISTEN") || strings.Count(err, "\n") != 1 {
			t.Errorf("%v: code %d, %q, %q", args, code, out, err)
		}
	}
	other := httptest.NewServer(http.NotFoundHandler()) // another program's port
	defer other.Close()
	t.Setenv("SIDEGATE_ADMIN_LISTEN", strings.TrimPrefix(other.URL, "http://"))
	if code, _, err := do("sessions", "list"); code != 1 || !strings.Contains(err, "status 404") {
		t.Errorf("code %d, %q", code, err)
	}
}

// A listener on every address is asked on this machine; and no HTTP_PROXY gets to
// read who is signed in.
func TestTheCommandsAskTheListenerItself(t *testing.T) {
	s := serving(t, "ADMIN_LISTEN=0.0.0.0:0")
	_, port, err := net.SplitHostPort(s.admin.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{":" + port, "0.0.0.0:" + port, "localhost:" + port} {
		t.Setenv("SIDEGATE_ADMIN_LISTEN", addr)
		if code, out, err := do("sessions", "list"); code != 0 || out != "Nobody is signed in.\n" {
			t.Errorf("%s: code %d, %q, %q", addr, code, out, err)
		}
	}
	c, err := newAdminClient(time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if transport, ok := c.http.Transport.(*http.Transport); !ok || transport.Proxy != nil {
		t.Error("the client would ask a proxy")
	}
}

func TestTheManualTellsOfTheSessionCommands(t *testing.T) {
	pages := manual(t)
	for _, tt := range []struct{ page, want string }{
		{"README.md", "sidegate sessions list"}, {"README.md", "sidegate sessions revoke"},
		{"docs/paths.md", "`GET /sessions`"}, {"docs/paths.md", "`POST /sessions/revoke`"}, {"docs/paths.md", "`POST /_gate/sessions`"},
	} {
		if !strings.Contains(pages[tt.page], tt.want) {
			t.Errorf("no %q in %s", tt.want, tt.page)
		}
		if command, ok := strings.CutPrefix(tt.want, "sidegate "); ok && !strings.Contains(usage(), "  sidegate "+command) {
			t.Errorf("no %q in the usage", tt.want)
		}
	}
}
