package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coder/websocket"

	"sidegate/config"
	"sidegate/demo"
	"sidegate/doctor"
	"sidegate/login/logintest"
	"sidegate/session/sessiontest"
	"sidegate/test/need"
	"sidegate/test/rig"
)

// ward is a sidegate that is set up well, until something is planted in it.
type ward struct {
	t        *testing.T
	settings map[string]string
	provider *logintest.Provider
	app      http.Handler
	appAddr  string // where it listens
	offline  bool
	running  bool
	others   string // an address of the machine besides 127.0.0.1
	nginx    string // what its location says; empty: there is none

	// What is done once the parts before are there.
	withFront, atEnd []func()
}

// newWard starts nothing yet.
func newWard(t *testing.T) *ward {
	w := &ward{t: t, appAddr: "127.0.0.1:0", app: goodApp(), others: "127.0.0.2", provider: logintest.New(t)}
	port := rig.FreePort(t)
	w.settings = map[string]string{
		"PUBLIC_URL": fmt.Sprintf("http://localhost:%d", port), "LISTEN": rig.Loopback(port), "ADMIN_LISTEN": rig.Loopback(rig.FreePort(t)),
		"ISSUER": w.provider.Issuer, "CLIENT_ID": w.provider.ClientID, "CLIENT_SECRET": w.provider.ClientSecret, "ALLOWED_DOMAINS": "example.com",
		"SESSION_STORE": "file:" + filepath.Join(t.TempDir(), "sessions.db"), "DRAIN": "0s", "LOG_LEVEL": "error",
	}
	return w
}

// set puts settings, each NAME=value.
func (w *ward) set(pairs ...string) {
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		w.settings[name] = value
	}
}

// goodApp is an app that opens WebSockets to the pages of its own host name.
func goodApp() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			io.WriteString(w, "hello")
			return
		}
		if c, err := websocket.Accept(w, r, nil); err == nil {
			c.Read(r.Context())
			c.CloseNow()
		}
	})
}

// open starts all parts.
func (w *ward) open() {
	t := w.t
	t.Helper()
	serve := func(addr string, h http.Handler) string {
		l, err := net.Listen("tcp4", addr)
		if err != nil {
			t.Fatal(err)
		}
		s := serveLoopback(l, h)
		t.Cleanup(func() { s.Close() })
		return l.Addr().String()
	}
	if _, set := w.settings["UPSTREAM"]; !set {
		_, port, _ := net.SplitHostPort(serve(w.appAddr, w.app))
		w.settings["UPSTREAM"] = "http://127.0.0.1:" + port
	}
	if w.nginx != "" {
		w.startNginx()
	}
	each(w.withFront)
	var env []string
	for name, value := range w.settings {
		env = append(env, name+"="+value)
	}
	settings(t, env...)
	if w.running {
		w.startSidegate()
	}
	each(w.atEnd)
}

// The following have f called once what they name is there.

func (w *ward) afterNginx(f func()) { w.withFront = append(w.withFront, f) }
func (w *ward) last(f func())       { w.atEnd = append(w.atEnd, f) }

func each(all []func()) {
	for _, f := range all {
		f()
	}
}

// demoProvider has the demo's provider sign people in, for another redirect URI if given.
// It looks at a code before it looks at the client.
func (w *ward) demoProvider(redirect string) {
	t := w.t
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.set("ISSUER=http://"+l.Addr().String(), "CLIENT_ID="+demo.ClientID)
	p, err := demo.NewProvider(w.settings["ISSUER"], redirect, w.settings["CLIENT_SECRET"])
	if err != nil {
		t.Fatal(err)
	}
	s := serveLoopback(l, p)
	t.Cleanup(func() { s.Close() })
}

func (w *ward) startSidegate() {
	t := w.t
	t.Helper()
	c, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(c, nil, streams{&output{}, &output{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- s.serve(ctx) }()
	t.Cleanup(func() { stop(); <-over })
}

// startNginx puts Debian's nginx at the public address, and sidegate behind it.
func (w *ward) startNginx() {
	t := w.t
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin") // where Debian has it
	program := need.Program(t, "nginx", "nginx")
	front := w.settings["LISTEN"]
	w.settings["LISTEN"] = rig.Loopback(rig.FreePort(t))
	dir := t.TempDir()
	text := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	map $http_upgrade $connection_upgrade { default upgrade; "" close; }
	server { listen %[2]s; location / { proxy_pass http://%[3]s; %[4]s } }
}`, dir, front, w.settings["LISTEN"], w.nginx)
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := rig.Start(t, nil, program, "-p", dir, "-c", conf)
	rig.Eventually(t, func() string { return "nginx does not listen" }, func() bool {
		p.Alive(t)
		return answersAt(t.Context(), front)
	})
}

// goodNginx is a location as docs/doctor.md has it.
const goodNginx = `proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade;
	proxy_set_header Connection $connection_upgrade; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
	proxy_buffering off; proxy_request_buffering off; client_max_body_size 200m; `

// nginxWithout is goodNginx less one directive.
func nginxWithout(directive string) string {
	left := strings.Replace(goodNginx, directive, "", 1)
	if left == goodNginx {
		panic("goodNginx has no " + directive)
	}
	return left
}

// results asks doctor about the ward, as the command does but for the other addresses
// of the machine: it may have none.
func (w *ward) results() []doctor.Result {
	t := w.t
	t.Helper()
	w.open()
	p, err := admit(t.Context(), doctorOrder{offline: w.offline})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	p.others = []netip.Addr{netip.MustParseAddr(w.others)}
	var all []doctor.Result
	if err := doctor.Run(t.Context(), p.checks(), func(r doctor.Result) { all = append(all, r) }); err != nil {
		t.Fatal(err)
	}
	return all
}

// A set-up that is well is said to be, on one screen, by the command, while sidegate runs
// behind a real nginx.
func TestAHealthySetUpFitsOnOneScreenAndIsInOrder(t *testing.T) {
	w := newWard(t)
	w.running, w.nginx = true, goodNginx
	redis := sessiontest.Redis(t)
	w.set("SESSION_STORE="+redis.URL, "SECRET="+rand.Text()+rand.Text(), "TRUSTED_PROXIES=127.0.0.1")
	w.open()
	t.Setenv("LC_ALL", "C.UTF-8")
	code, out, errs := do("doctor")
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if code != 0 || errs != "" || lines[len(lines)-1] != "everything is in order" {
		t.Errorf("code %d, %s\n%s", code, errs, out)
	}
	for _, l := range lines {
		if n := utf8.RuneCountInString(l); n > 100 {
			t.Errorf("a line of %d characters: %s", n, l)
		}
	}
	if len(lines) > 24 {
		t.Errorf("%d lines:\n%s", len(lines), out)
	}
	t.Log("\n" + out)
}

// What the manual has people write is what the tests try, and every check stands in it.
func TestTheManualOfDoctorIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	for directive := range strings.SplitSeq(goodNginx, ";") {
		if d := strings.TrimSpace(directive); !strings.Contains(string(text), d) {
			t.Errorf("docs/doctor.md has no %q", d)
		}
	}
	w := newWard(t)
	for _, r := range w.results() {
		if !strings.Contains(string(text), "\n| `"+r.Check+"` |") {
			t.Errorf("docs/doctor.md says nothing of the check %s", r.Check)
		}
	}
}
