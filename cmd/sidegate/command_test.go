package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/config"
	"sidegate/identity"
	"sidegate/session"
)

// output collects what a command writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// settings puts SIDEGATE_ variables in the environment, and nothing else's.
func settings(t *testing.T, pairs ...string) {
	t.Helper()
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "SIDEGATE_") {
			t.Setenv(name, "") // restored at the end; empty is not set
			os.Unsetenv(name)
		}
	}
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		t.Setenv("SIDEGATE_"+name, value)
	}
}

func runnable() []string {
	return []string{
		"LISTEN=127.0.0.1:0", "ADMIN_LISTEN=127.0.0.1:0", "PUBLIC_URL=http://localhost:8080",
		"ISSUER=http://127.0.0.1:1", "CLIENT_ID=id", "CLIENT_SECRET=canary-client-secret",
		"ALLOWED_DOMAINS=example.com", "DRAIN=1s",
	}
}

func do(args ...string) (code int, out, err string) {
	var o, e output
	code = command(args, streams{&o, &e})
	return code, o.String(), e.String()
}

func TestUnknownCommandExplainsItself(t *testing.T) {
	code, _, err := do("sevre")
	if code != 2 || !strings.Contains(err, `unknown command "sevre"`) || !strings.Contains(err, "sidegate help") || strings.Count(err, "\n") != 1 {
		t.Errorf("code %d, %q", code, err)
	}
	for _, args := range [][]string{{"run"}, {"run", "--"}, {"run", "streamlit"}, {"demo", "streamlit"}, {"demo", "--"}, {"serve", "now"}, {"risc"}, {"risc", "end"},
		{"sessions"}, {"sessions", "end"}, {"sessions", "list", "alice@example.com"}, {"sessions", "list", "--all"}, {"sessions", "revoke"},
		{"sessions", "revoke", "--all", "alice@example.com"}, {"sessions", "revoke", "--json", "alice@example.com"}, {"help", "sevre"}, {"completion", "tcsh"}, {"completion", "words", "run"}} {
		code, _, err := do(args...)
		if code != 2 || !strings.Contains(err, "cannot be used as") || !strings.Contains(err, "Usage:\n  sidegate "+verbNamed(args[0]).forms[0].args) {
			t.Errorf("%v: code %d, %q", args, code, err)
		}
	}
}

// SEC-CFG-01, SEC-CFG-02: one start shows every fault.
func TestServeReportsAllFaultsAtOnce(t *testing.T) {
	settings(t, "ALLOWED_DOMAIN=example.com", "SESSION_IDLE=soon")
	code, _, err := do("serve")
	for _, want := range []string{"SIDEGATE_ALLOWED_DOMAINS", "SIDEGATE_UPSTREAM", "SIDEGATE_CLIENT_ID", "SIDEGATE_CLIENT_SECRET", "SIDEGATE_SESSION_IDLE"} {
		if !strings.Contains(err, want) {
			t.Errorf("no word of %s in:\n%s", want, err)
		}
	}
	if code != 2 {
		t.Errorf("code %d, want 2", code)
	}
}

func TestConfigMasksSecrets(t *testing.T) {
	settings(t, append(runnable(), "UPSTREAM=http://127.0.0.1:1", "SECRET=canary-value-of-more-than-32-bytes-0123456789")...)
	code, out, err := do("config")
	if code != 0 || strings.Contains(out+err, "canary") || !strings.Contains(out, "SIDEGATE_ALLOWED_DOMAINS=example.com") {
		t.Errorf("code %d:\n%s%s", code, out, err)
	}
}

// Anyone who reaches the demo can be anyone.
func TestDemoListensOnThisMachineOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":8080", "[::]:0", "192.0.2.1:8080", "example.com:8080"} {
		settings(t, "LISTEN="+addr)
		if code, _, err := do("demo"); code != 1 || !strings.Contains(err, "this machine only") {
			t.Errorf("SIDEGATE_LISTEN=%s: code %d, %q", addr, code, err)
		}
		settings(t, "ADMIN_LISTEN="+addr)
		if code, _, err := do("demo"); code != 1 || !strings.Contains(err, "this machine only") {
			t.Errorf("SIDEGATE_ADMIN_LISTEN=%s: code %d, %q", addr, code, err)
		}
	}
}

// The demo's rules are its own, whatever the environment says.
func TestDemoIgnoresSettingsThatDecideWhoEnters(t *testing.T) {
	raw, err := demoSettings(config.Raw{
		Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", AllowAnyone: "true",
		AllowedEmails: "mallory@evil.example", Issuer: "https://accounts.google.com", SessionStore: "redis://192.0.2.1",
		Headers: "grafana", Notice: "true", Name: "n", Logo: "l", SignInPage: "true", ConnectScopes: "https://www.googleapis.com/auth/youtube.readonly",
	})
	if err != nil {
		t.Fatal(err)
	}
	if raw.AllowAnyone == "true" || raw.AllowedEmails != "" || raw.SessionStore != "memory:" || raw.Upstream != "" {
		t.Error("a setting of the environment decides over the demo")
	}
	if raw.Headers != "grafana" || raw.Notice != "true" {
		t.Errorf("an app in the demo is told of people by %q and has the notice: %q; want what is set", raw.Headers, raw.Notice)
	}
	if raw.Name != "n" || raw.Logo != "l" || raw.SignInPage != "true" {
		t.Errorf("the demo's pages have the name %q, the logo %q, and ask first: %q; want what is set", raw.Name, raw.Logo, raw.SignInPage)
	}
	if raw.ConnectScopes == "" {
		t.Error("an app in the demo may not ask for what the settings list")
	}
}

func TestRunKeepsTheAppsExitCode(t *testing.T) {
	settings(t, runnable()...)
	for script, want := range map[string]int{"exit 7": 7, "exit 0": 0, "kill -9 $$": 137} {
		if code, _, err := do("run", "--", "sh", "-c", script); code != want {
			t.Errorf("%q: code %d, want %d\n%s", script, code, want, err)
		}
	}
	if code, _, err := do("run", "--", "no-such-program-here"); code != 1 || !strings.Contains(err, "there is no program") {
		t.Errorf("missing program: code %d, %q", code, err)
	}
}

// SEC-LEAK-09: the app is told its port, and none of our secrets.
func TestChildGetsItsPortAndNotOurSecrets(t *testing.T) {
	settings(t, runnable()...)
	file := filepath.Join(t.TempDir(), "env")
	if code, _, err := do("run", "--", "sh", "-c", "env > "+file+"; echo arg={port} >> "+file); code != 0 {
		t.Fatalf("code %d\n%s", code, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	env := strings.Split(string(text), "\n")
	i := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, "PORT=") })
	if i < 0 {
		t.Fatalf("no PORT in %s", text)
	}
	port := strings.TrimPrefix(env[i], "PORT=")
	for _, want := range []string{"arg=" + port, "STREAMLIT_SERVER_PORT=" + port, "STREAMLIT_SERVER_ADDRESS=127.0.0.1"} {
		if !slices.Contains(env, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if strings.Contains(string(text), "SIDEGATE_") || strings.Contains(string(text), "canary") {
		t.Errorf("our settings reach the app:\n%s", text)
	}
}

// Streamlit's own log-out button is answered when the app is Streamlit; the path
// belongs to any other app.
func TestStreamlitsLogOutIsOursOnlyForStreamlit(t *testing.T) {
	for _, tt := range []struct {
		set     string
		command []string
		want    string
	}{
		{"", []string{"streamlit", "run", "app.py"}, "streamlit"},
		{"auto", []string{"streamlit", "run", "app.py"}, "streamlit"},
		{"none", []string{"streamlit", "run", "app.py"}, "none"},
		{"", []string{"python", "app.py"}, ""},
		{"streamlit", []string{"python", "app.py"}, "streamlit"},
	} {
		if got := appOf(tt.set, tt.command); got != tt.want {
			t.Errorf("%q, %v: %q, want %q", tt.set, tt.command, got, tt.want)
		}
	}
}

// A port that is taken is said with the setting to change.
func TestTakenPortIsExplained(t *testing.T) {
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	addr := strings.TrimPrefix(taken.URL, "http://")
	settings(t, append(runnable(), "UPSTREAM=http://127.0.0.1:1", "ADMIN_LISTEN="+addr)...)
	if code, _, err := do("serve"); code != 1 || !strings.Contains(err, "SIDEGATE_ADMIN_LISTEN") {
		t.Errorf("code %d, %q", code, err)
	}
}

// SEC-DOM-13 and the contract's rule on the e-mail file.
func TestEmailFileIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "emails")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write("alice@example.com\n")
	var live session.Live
	p, err := openPolicy(config.Access{EmailsFile: file, DomainClaim: "email"}, nil, &live, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	who := identity.Identity{Issuer: "i", Subject: "s", Email: "alice@example.com", EmailVerified: true}
	closed := false
	live.Add(session.Session{ID: "a", Identity: who}, func(session.Reason) { closed = true })

	p.reload()
	if !p.book.Decide(who).Allowed || closed {
		t.Fatal("an unchanged file changed something")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if p.reload(); !p.book.Decide(who).Allowed || closed {
		t.Error("a file that is away for a moment shut people out")
	}
	write("bob@example.com\n")
	if p.reload(); p.book.Decide(who).Allowed || !closed {
		t.Errorf("alice was taken off the list: allowed %v, connection closed %v", p.book.Decide(who).Allowed, closed)
	}
	write("")
	bob := who
	bob.Email = "bob@example.com"
	if p.reload(); p.book.Decide(bob).Allowed {
		t.Error("an emptied file admits people")
	}
}

func TestEmptyEmailFileStopsTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "emails")
	if err := os.WriteFile(file, []byte("# nobody yet\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openPolicy(config.Access{EmailsFile: file}, nil, &session.Live{}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

// serving starts a server whose provider and app are down, unless more settings
// say otherwise.
func serving(t *testing.T, more ...string) *server {
	t.Helper()
	settings(t, append(append(runnable(), "UPSTREAM=http://127.0.0.1:1"), more...)...)
	c, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(c, config.Load, streams{&output{}, &output{}})
	if err != nil {
		t.Fatal(err)
	}
	go s.serve(t.Context())
	return s
}

// The process is up with provider and app down, and says what is missing.
func TestReadyzNamesWhatIsMissing(t *testing.T) {
	s := serving(t)
	admin := "http://" + s.admin.Addr().String()
	for deadline := time.Now().Add(5 * time.Second); ; {
		res, err := http.Get(admin + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		var parts map[string]string
		err = json.NewDecoder(res.Body).Decode(&parts)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode == http.StatusServiceUnavailable && parts["store"] == "ok" &&
			strings.Contains(parts["provider"], "discovery at") && strings.Contains(parts["upstream"], "refused") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("status %d, %v", res.StatusCode, parts)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// SEC-UPG-07, SEC-HDR-08, SEC-SMUG-12: the public listener speaks HTTP/1 alone, so
// there is no second framing to get past the gate with. SEC-LEAK-08: what is the
// private listener's is not on the public one.
func TestPublicListenerSpeaksPlainHTTPAndNoMore(t *testing.T) {
	s := serving(t)
	conn, err := net.Dial("tcp", s.public.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	answer, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 4") && !strings.HasPrefix(string(answer), "HTTP/1.1 505") {
		t.Errorf("the preface of HTTP/2 was answered %q", answer)
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/readyz", "/healthz"} {
		res, err := http.Get("http://" + s.public.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: status %d, want 401 as for any path of the app", path, res.StatusCode)
		}
	}
}
