package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/test/parts"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

const youtube = "https://www.googleapis.com/auth/youtube.readonly"

// statisticsApp asks the API by the manual's code: at /plain with the standard library, at /google
// with Google's own client. It says what it got or what was raised.
const statisticsApp = `
import http.server, json, os, sys, urllib.request
import manual
from manual import credentials, ConnectNeeded
from googleapiclient.discovery import build

# A company's proxy is not for the ticket.
ask = manual.access_token
def access_token(*args, **more):
    os.environ["http_proxy"] = "http://127.0.0.1:1"
    try:
        return ask(*args, **more)
    finally:
        del os.environ["http_proxy"]
manual.access_token = access_token

SCOPE, API = "` + youtube + `", sys.argv[2]

def plain(ticket):
    token, ends = access_token(ticket, SCOPE)
    request = urllib.request.Request(API + "/youtube/v3/channels?part=statistics&mine=true&alt=json", headers={"Authorization": "Bearer " + token})
    return json.load(urllib.request.urlopen(request))

clients = {}

def google(ticket):
    if ticket not in clients:
        clients[ticket] = build("youtube", "v3", credentials=credentials(ticket, SCOPE), client_options={"api_endpoint": API + "/"})
    return clients[ticket].channels().list(part="statistics", mine=True).execute()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            said = {"/plain": plain, "/google": google}[self.path](self.headers["X-User-Ticket"])
        except KeyError:
            said = {}
        except ConnectNeeded as e:
            said = {"connect": e.url}
        except Exception as e:
            said = {"error": repr(e)}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
`

// youtubeAPI stands in for Google's: it asks the provider whether a bearer token is
// good now, and for what.
type youtubeAPI struct {
	*httptest.Server
	issuer string

	mu   sync.Mutex
	seen map[string]int // tokens that were good
}

func newYouTubeAPI(t *testing.T) *youtubeAPI {
	t.Helper()
	a := &youtubeAPI{seen: make(map[string]int)}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *youtubeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sub, ok := a.introspect(r, token)
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path != "/youtube/v3/channels" || r.URL.Query().Get("mine") != "true" || scheme != "Bearer" || !ok {
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"error":{"code":401,"message":"Invalid Credentials"}}`)
		return
	}
	a.mu.Lock()
	a.seen[token]++
	a.mu.Unlock()
	json.NewEncoder(w).Encode(map[string]any{"items": []any{map[string]any{
		"id": sub, "snippet": map[string]string{"title": "Channel " + sub}, "statistics": map[string]string{"viewCount": "1234"},
	}}})
}

// introspect asks the provider (RFC 7662).
func (a *youtubeAPI) introspect(r *http.Request, token string) (sub string, ok bool) {
	q, err := http.NewRequestWithContext(r.Context(), http.MethodPost, a.issuer+"/token/introspection", strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		return "", false
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.SetBasicAuth("sidegate-e2e", clientSecret)
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		return "", false
	}
	defer res.Body.Close()
	var said struct {
		Active     bool
		Scope, Sub string
	}
	err = json.NewDecoder(res.Body).Decode(&said)
	return said.Sub, err == nil && said.Active && strings.Contains(said.Scope, youtube)
}

func (a *youtubeAPI) tokens() (all []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for token := range a.seen {
		all = append(all, token)
	}
	return all
}

// manualsCode is what docs/tokens.md says to copy.
func manualsCode(t *testing.T) (code string) {
	t.Helper()
	pieces := pythonOf(t, "tokens.md")
	for _, name := range []string{"def access_token", "def credentials"} {
		for _, piece := range pieces {
			if strings.Contains(piece, name) {
				code += piece + "\n"
			}
		}
	}
	return code
}

// startStatistics starts statisticsApp with the manual's code for sidegate g.
func startStatistics(t *testing.T, g *stage.Gate, api string) string {
	t.Helper()
	python := stage.Part(t, func(c parts.Cache) string { return filepath.Join(c.App("youtube"), "bin", "python") })
	code := manualsCode(t)
	const address = `"http://127.0.0.1:8081"`
	if strings.Count(code, address) != 1 || !strings.Contains(code, "def credentials") {
		t.Fatalf("docs/tokens.md has other code:\n%s", code)
	}
	dir, port := t.TempDir(), rig.FreePort(t)
	for name, text := range map[string]string{"manual.py": strings.Replace(code, address, strconv.Quote(g.Admin), 1), "app.py": statisticsApp} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app := "http://" + rig.Loopback(port)
	rig.Start(t, nil, python, filepath.Join(dir, "app.py"), strconv.Itoa(port), api).Answers(t, app)
	return app
}

// statistics is what statisticsApp says.
type statistics struct {
	Items   []struct{ Statistics struct{ ViewCount string } }
	Connect string
	Error   string
}

func (p *person) statistics(address string) (s statistics) {
	p.t.Helper()
	got := p.get(address)
	if err := json.Unmarshal([]byte(got.body), &s); err != nil {
		p.t.Fatalf("%s: %s %s", address, got.Status, got.body)
	}
	return s
}

// The manual's code, Google's own client library, real refresh tokens that are good
// once, and access tokens that live six seconds.
func TestTheManualsCodeGetsTheirOwnStatistics(t *testing.T) {
	t.Parallel()
	api := newYouTubeAPI(t)
	g := stage.NewGate(t, map[string]string{"SECRET": sessionSecret, "CONNECT_SCOPES": youtube})
	app := startStatistics(t, g, api.URL)
	api.issuer = stage.StartProviderWith(t, []string{"ACCESS_TOKEN_SECONDS=6"}, g.Callback())
	g.Settings["UPSTREAM"], g.Settings["ISSUER"] = app, api.issuer
	g.Serve(t, nil)
	alice := newPerson(t)
	alice.signIn(g.URL+"/", "alice@example.com")
	for _, how := range []string{"/plain", "/google"} {
		if got := alice.statistics(g.URL + how); !strings.HasPrefix(got.Connect, g.URL+"/_gate/connect?scopes=") {
			t.Fatalf("%s, before anything is granted: %+v", how, got)
		}
	}
	connect := alice.statistics(g.URL+"/plain").Connect + "&rd=%2Fplain"
	if back := alice.signIn(connect, "alice@example.com"); !strings.Contains(back.body, "1234") {
		t.Fatalf("after the consent: %s %s", back.Request.URL, back.body)
	}
	for begin := time.Now(); time.Since(begin) < 32*time.Second; time.Sleep(500 * time.Millisecond) { // five lives
		for _, how := range []string{"/plain", "/google"} {
			if got := alice.statistics(g.URL + how); len(got.Items) != 1 || got.Items[0].Statistics.ViewCount != "1234" {
				t.Fatalf("%s, after %v: %+v", how, time.Since(begin), got)
			}
		}
	}
	tokens := api.tokens()
	if len(tokens) < 5 || len(tokens) > 12 {
		t.Errorf("%d tokens in five lives", len(tokens))
	}
	if page := alice.get(g.URL + "/_gate/"); !strings.Contains(page.body, youtube) || !strings.Contains(page.body, "/_gate/disconnect") {
		t.Errorf("the account page does not show it:\n%s", page.body)
	}
	alice.disconnect(g)
	for _, how := range []string{"/plain", "/google"} {
		rig.Eventually(t, func() string { return how + " still works" }, func() bool { return alice.statistics(g.URL+how).Connect != "" })
	}
	printed := g.Output.Tail(1 << 20)
	for _, token := range tokens { // SEC-LEAK-05
		if strings.Contains(printed, token) {
			t.Error("an access token is in the log")
		}
	}
}

func (p *person) disconnect(g *stage.Gate) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, g.URL+"/_gate/disconnect", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Origin", g.URL)
	res, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Request.URL.Path != "/_gate/" {
		p.t.Errorf("disconnecting led to %s %s", res.Status, res.Request.URL)
	}
}
