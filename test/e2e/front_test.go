package e2e

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sidegate/test/need"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

// What docs/deploy.md says to put into nginx and Caddy is put into them, and they stand
// in front of sidegate: the request arrives as it was made, a large body is not refused,
// an event stream is not held back, and a WebSocket opens.
func TestBehindAnotherServer(t *testing.T) {
	t.Parallel()
	for _, server := range []struct {
		name  string
		start func(*front, *testing.T)
	}{{"nginx", (*front).startNginx}, {"caddy", (*front).startCaddy}} {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t)
			server.start(f, t)
			alice := f.person(t)
			if got := alice.signIn(f.url+"/deep?link=1", "alice@example.com"); !strings.Contains(got.body, "GET /deep?link=1 ") {
				t.Fatalf("after sign-in: %s\n%s", got.Status, got.body)
			}
			f.requestsArriveAsTheyAre(t, alice)
			f.largeBodiesPass(t, alice)
			f.eventsAreNotHeldBack(t, alice)
			f.socketsOpen(t, alice)
		})
	}
}

// front is a server that speaks TLS, with sidegate and an app behind it.
type front struct {
	gate      *stage.Gate
	url       string
	port      int
	cert, key string // files
	roots     *x509.CertPool
	seen      chan struct{} // closed when the first event has been seen
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{port: rig.FreePort(t), seen: make(chan struct{})}
	f.url = fmt.Sprintf("https://localhost:%d", f.port)
	f.makeCertificate(t)
	app := httptest.NewServer(http.HandlerFunc(f.app))
	t.Cleanup(app.Close)
	f.gate = stage.NewGate(t, map[string]string{"UPSTREAM": app.URL, "PUBLIC_URL": f.url, "TRUSTED_PROXIES": "127.0.0.1", "DRAIN": "1s"})
	f.gate.Settings["ISSUER"] = stage.StartProvider(t, f.url+"/_gate/callback")
	f.gate.Process = rig.Start(t, f.gate.Env(), stage.Program(t))
	f.gate.Answers(t, f.gate.Admin+"/healthz")
	return f
}

// app answers with the request, counts a body, sends events of which the second waits
// until the first has been seen, and says again what comes over a WebSocket.
func (f *front) app(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/upload":
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintln(w, n, err)
	case "/events":
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: first\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-f.seen:
			fmt.Fprint(w, "data: second\n\n")
		case <-r.Context().Done():
		}
	case "/socket":
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, message) != nil {
				return
			}
		}
	default:
		_ = r.Write(w)
	}
}

// block is the file of docs/deploy.md in a language, with addresses of the test's.
func (f *front) block(t *testing.T, language string, replace ...string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(stage.Checkout(t), "docs", "deploy.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(page)
	if found == nil {
		t.Fatalf("docs/deploy.md has no file for %s", language)
	}
	text := string(found[1])
	listen := f.gate.Settings["LISTEN"]
	for replace = append(replace, "127.0.0.1:8080", listen); len(replace) > 0; replace = replace[2:] {
		if !strings.Contains(text, replace[0]) {
			t.Fatalf("the file for %s has no %q:\n%s", language, replace[0], text)
		}
		text = strings.ReplaceAll(text, replace[0], replace[1])
	}
	return text
}

func (f *front) startNginx(t *testing.T) {
	t.Helper()
	nginx, dir := need.Program(t, "nginx", "nginx-light"), t.TempDir()
	site := f.block(t, "nginx",
		"/etc/letsencrypt/live/app.example.com/fullchain.pem", f.cert,
		"/etc/letsencrypt/live/app.example.com/privkey.pem", f.key,
		"app.example.com", "localhost",
		"listen 443 ssl", fmt.Sprintf("listen 127.0.0.1:%d ssl", f.port),
		"listen 80", fmt.Sprintf("listen 127.0.0.1:%d", rig.FreePort(t)))
	around := "daemon off; master_process off; pid " + dir + "/pid; error_log stderr;\nevents {}\nhttp {\naccess_log off;\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		around += kind + "_temp_path " + filepath.Join(dir, kind) + ";\n"
	}
	f.start(t, dir, around+site+"}\n", nginx, "-e", "stderr", "-p", dir, "-c")
}

func (f *front) startCaddy(t *testing.T) {
	t.Helper()
	caddy := need.Program(t, "caddy", "caddy")
	// Without what Caddy would do besides: fetch a certificate, listen on port 80, and on
	// one for its administration.
	site := f.block(t, "caddyfile", "app.example.com {", f.url+" {\n\ttls "+f.cert+" "+f.key)
	f.start(t, t.TempDir(), "{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}\n"+site, caddy, "run", "--adapter", "caddyfile", "--config")
}

// start writes the file and starts the server with its path as the last argument.
func (f *front) start(t *testing.T, dir, text, program string, args ...string) {
	t.Helper()
	path := filepath.Join(dir, "site")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := rig.Start(t, nil, program, append(args, path)...)
	client := &http.Client{Transport: f.transport(), Timeout: 5 * time.Second}
	rig.Eventually(t, func() string { return filepath.Base(program) + " does not answer, with\n" + text }, func() bool {
		p.Alive(t)
		resp, err := client.Get(f.url + "/_gate/healthz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func (f *front) transport() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.roots}}
}

func (f *front) person(t *testing.T) *person {
	t.Helper()
	p := newPerson(t)
	p.client.Transport = f.transport()
	return p
}

// requestsArriveAsTheyAre: with their Host, over https, from the client's address, and
// with an identity that no browser can bring along.
func (f *front) requestsArriveAsTheyAre(t *testing.T, alice *person) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/page", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-User-Email", "mallory@evil.example")
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	resp, err := alice.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	for _, want := range []string{
		fmt.Sprintf("Host: localhost:%d\r\n", f.port), "X-Forwarded-Proto: https\r\n", "X-Forwarded-For: 127.0.0.1\r\n", "X-User-Email: alice@example.com\r\n",
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %q in what the app got:\n%s", want, body)
		}
	}
	if strings.Contains(string(body), "evil") {
		t.Errorf("the app got what the browser made up:\n%s", body)
	}
}

func (f *front) largeBodiesPass(t *testing.T, alice *person) {
	t.Helper()
	const size = 16 << 20 // nginx stops at 1 MiB unless told otherwise
	resp, err := alice.client.Post(f.url+"/upload", "application/octet-stream", io.LimitReader(zeros{}, size))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != fmt.Sprintln(size, nil) {
		t.Errorf("an upload of %d bytes was answered %s %s", size, resp.Status, body)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// eventsAreNotHeldBack: the app sends the second event when the first was seen.
func (f *front) eventsAreNotHeldBack(t *testing.T, alice *person) {
	t.Helper()
	resp, err := alice.client.Get(f.url + "/events")
	if err != nil {
		t.Fatalf("the event stream: %v", err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); line != "data: first\n" {
		t.Fatalf("the event stream began with %q (%v)", line, err)
	}
	close(f.seen)
	if rest, _ := io.ReadAll(lines); string(rest) != "\ndata: second\n\n" {
		t.Errorf("the event stream went on with %q", rest)
	}
}

func (f *front) socketsOpen(t *testing.T, alice *person) {
	t.Helper()
	u, err := url.Parse(f.url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", u.Host, &tls.Config{RootCAs: f.roots})
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Host": {u.Host}, "Origin": {f.url}}
	for _, c := range alice.client.Jar.Cookies(u) {
		header.Add("Cookie", c.Name+"="+c.Value)
	}
	s, err := rig.OpenSocket(conn, "/socket", header)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.SetDeadline(time.Now().Add(rig.Patience))
	if err := s.Send(rig.OpText, []byte("over all of them")); err != nil {
		t.Fatal(err)
	}
	if op, said, err := s.Frame(); op != rig.OpText || string(said) != "over all of them" {
		t.Errorf("the app said %d %q (%v)", op, said, err)
	}
}

// makeCertificate makes one for localhost, for an hour.
func (f *front) makeCertificate(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	f.cert, f.key, f.roots = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), x509.NewCertPool()
	for path, block := range map[string]*pem.Block{f.cert: {Type: "CERTIFICATE", Bytes: der}, f.key: {Type: "PRIVATE KEY", Bytes: secret}} {
		var text bytes.Buffer
		if err := pem.Encode(&text, block); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		f.roots.AppendCertsFromPEM(text.Bytes())
	}
}
