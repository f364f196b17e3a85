package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sidegate/test/parts"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

// checkingApp is an app that believes who() of the manual and nothing else. It says
// what that returned or raised, and which assertion it was given. "Ahead" sets its
// clock, to seconds from now; "Idle" makes so many seconds go by.
const checkingApp = `
import datetime, http.server, json, sys, time
import jwt.api_jwt
from manual import who

idle, monotonic = 0, time.monotonic
time.monotonic = lambda: monotonic() + idle

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global idle
        idle += int(self.headers.get("Idle", "0"))
        ahead = datetime.timedelta(seconds=int(self.headers.get("Ahead", "0")))
        class clock(datetime.datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.datetime.now(tz) + ahead
        jwt.api_jwt.datetime = clock
        try:
            said = {"claims": who(self.headers), "token": self.headers["X-User-Assertion"]}
        except Exception as e:
            said = {"error": type(e).__name__}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
`

// verdict is what checkingApp says.
type verdict struct {
	Claims map[string]any
	Token  string
	Error  string
}

// hear asks the app, through sidegate or past it.
func hear(t *testing.T, client *http.Client, address string, headers map[string]string) (v verdict) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", address, res.Status, err)
	}
	return v
}

// pythonOf returns the pieces of Python in a page of the manual.
func pythonOf(t *testing.T, page string) (pieces []string) {
	t.Helper()
	manual, err := os.ReadFile(filepath.Join(stage.Checkout(t), "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```python\n(.*?)```").FindAllSubmatch(manual, -1) {
		pieces = append(pieces, string(block[1]))
	}
	if len(pieces) == 0 {
		t.Fatalf("docs/%s has no Python", page)
	}
	return pieces
}

// startChecking starts checkingApp, with the manual's code for sidegate g.
func startChecking(t *testing.T, g *stage.Gate) string {
	t.Helper()
	stage.Part(t, parts.Cache.HasPyJWT)
	const public, keys = `"https://app.example.com"`, `"http://127.0.0.1:8080/_gate/jwks.json"`
	text := pythonOf(t, "headers.md")[0]
	if strings.Count(text, public) != 1 || strings.Count(text, keys) != 1 {
		t.Fatalf("docs/headers.md names other addresses:\n%s", text)
	}
	text = strings.NewReplacer(public, strconv.Quote(g.URL), keys, strconv.Quote(g.URL+"/_gate/jwks.json")).Replace(text)
	dir, port := t.TempDir(), rig.FreePort(t)
	for name, text := range map[string]string{"manual.py": text, "app.py": checkingApp} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app := "http://" + rig.Loopback(port)
	rig.Start(t, nil, stage.Part(t, parts.Cache.Python), filepath.Join(dir, "app.py"), strconv.Itoa(port)).Answers(t, app)
	return app
}

// past asks the app without sidegate in between.
func past(t *testing.T, app, token string, ahead time.Duration) verdict {
	t.Helper()
	headers := map[string]string{"Ahead": strconv.Itoa(int(ahead.Seconds())), "X-User-Assertion": token}
	if token == "" {
		delete(headers, "X-User-Assertion")
	}
	return hear(t, http.DefaultClient, app, headers)
}

// SEC-HDR-16: the manual's ten lines tell sidegate's word from everything else, and
// follow its keys from one secret to the next.
func TestTheManualsCheckOfAssertions(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	writeSecret(t, file, sessionSecret)
	g := stage.NewGate(t, map[string]string{"SECRET_FILE": file})
	app := startChecking(t, g)
	g.Settings["UPSTREAM"], g.Settings["ISSUER"] = app, stage.StartProvider(t, g.Callback())
	g.Serve(t, nil)
	alice := newPerson(t)
	alice.signIn(g.URL+"/", "alice@example.com")
	first := hear(t, &alice.client, g.URL, nil)
	if first.Claims["email"] != "alice@example.com" || first.Claims["iss"] != g.URL || first.Claims["idp"] != g.Settings["ISSUER"] {
		t.Fatalf("the app was told %+v", first)
	}
	if again := past(t, app, first.Token, 4*time.Minute-10*time.Second); again.Claims["sub"] != first.Claims["sub"] {
		t.Errorf("nearly four minutes later: %+v", again)
	}
	for name, tt := range map[string]struct {
		token string
		ahead time.Duration
		want  string
	}{
		"none":                 {"", 0, "DecodeError"},
		"an expired one":       {first.Token, 5*time.Minute + 5*time.Second, "ExpiredSignatureError"},
		"a changed one":        {changed(t, first.Token), 0, "InvalidSignatureError"},
		"one without a key":    {"eyJhbGciOiJub25lIn0." + strings.Split(first.Token, ".")[1] + ".", 0, "PyJWKClientError"},
		"a stranger's":         {elsewhere(t, newSecret), 0, "PyJWKClientError"},
		"one for another site": {elsewhere(t, sessionSecret), 0, "InvalidIssuerError"},
	} {
		if got := past(t, app, tt.token, tt.ahead); got.Error != tt.want || got.Claims != nil {
			t.Errorf("%s: the app says %+v, want %s", name, got, tt.want)
		}
	}

	writeSecret(t, file, newSecret+","+sessionSecret)
	rig.Eventually(t, func() string { return "the new key was never published" }, func() bool {
		return strings.Count(alice.get(g.URL+"/_gate/jwks.json").body, `"kid"`) == 2
	})
	// The client asks for keys that it does not know once in half a minute.
	next := hear(t, &alice.client, g.URL, map[string]string{"Idle": "31"})
	if next.Claims["email"] != "alice@example.com" || keyID(t, next.Token) == keyID(t, first.Token) {
		t.Errorf("with a new secret: %+v", next)
	}
	if old := past(t, app, first.Token, 0); old.Claims["email"] != "alice@example.com" {
		t.Errorf("what the old key signed, while it is in force: %+v", old)
	}
	// The retired key is gone once the client's own copy is old.
	writeSecret(t, file, newSecret)
	rig.Eventually(t, func() string { return "the old key stays published" }, func() bool {
		return strings.Count(alice.get(g.URL+"/_gate/jwks.json").body, `"kid"`) == 1
	})
	hear(t, http.DefaultClient, app, map[string]string{"Idle": "301"})
	if old := past(t, app, first.Token, 0); old.Error != "PyJWKClientError" {
		t.Errorf("what the old key signed, once it is retired: %+v", old)
	}
}

const newSecret = "Y4n7VGGlce+kyxbSa2ZV2zMkmGRhv1QELihxxGJITcs="

func writeSecret(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// elsewhere returns an assertion of another sidegate with that secret.
func elsewhere(t *testing.T, secret string) string {
	t.Helper()
	g := stage.NewGate(t, map[string]string{"UPSTREAM": echoApp(t), "SECRET": secret})
	g.Settings["ISSUER"] = stage.StartProvider(t, g.Callback())
	g.Serve(t, nil)
	body := newPerson(t).signIn(g.URL+"/", "alice@example.com").body
	found := regexp.MustCompile(`X-User-Assertion: (\S+)`).FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("the other sidegate sent:\n%s", body)
	}
	return found[1]
}

// changed returns a token with another subject and the same signature.
func changed(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	said, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(string(said), "alice@", "admin@", 1)
	return parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(forged)) + "." + parts[2]
}

func keyID(t *testing.T, token string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	var header struct{ Kid string }
	if err == nil {
		err = json.Unmarshal(b, &header)
	}
	if err != nil || header.Kid == "" {
		t.Fatalf("%q names no key: %v", token, err)
	}
	return header.Kid
}
