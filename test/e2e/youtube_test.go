package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/test/parts"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

// connectButton is the example's, a link that opens another tab.
const connectButton = `.st-key-channels [data-testid="stLinkButton"] a`

func streamlitWithGoogle(c parts.Cache) string {
	return filepath.Join(c.App("youtube"), "bin", "streamlit")
}

func youtubeExample(t *testing.T) string {
	return filepath.Join(stage.Checkout(t), "examples", "youtube", "app.py")
}

// tap stands between sidegate and the app. It keeps all that the app sends, WebSocket
// frames too, the tickets that it is given, and counts WebSockets.
type tap struct {
	mu      sync.Mutex
	sent    bytes.Buffer
	tickets map[string]bool
	sockets int
}

// newTap returns one in front of app, and its address.
func newTap(t *testing.T, app string) (*tap, string) {
	t.Helper()
	to, err := url.Parse(app)
	if err != nil {
		t.Fatal(err)
	}
	k := &tap{tickets: make(map[string]bool)}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			// Nothing compressed: a token in it would not be found.
			r.Out.Header.Set("Accept-Encoding", "identity")
			r.Out.Header.Del("Sec-Websocket-Extensions")
			k.mu.Lock()
			defer k.mu.Unlock()
			if ticket := r.In.Header.Get("X-User-Ticket"); ticket != "" {
				k.tickets[ticket] = true
			}
			if r.In.Header.Get("Upgrade") != "" {
				k.sockets++
			}
		},
		ModifyResponse: func(r *http.Response) error {
			if socket, ok := r.Body.(io.ReadWriteCloser); ok { // of a 101
				r.Body = struct {
					io.Reader
					io.WriteCloser
				}{io.TeeReader(socket, k), socket}
				return nil
			}
			if !strings.HasPrefix(r.Request.URL.Path, "/static/") {
				r.Body = struct {
					io.Reader
					io.Closer
				}{io.TeeReader(r.Body, k), r.Body}
			}
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return k, server.URL
}

// Write keeps what the app sends.
func (k *tap) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sent.Write(b)
}

func (k *tap) has(text string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return bytes.Contains(k.sent.Bytes(), []byte(text))
}

// startYouTube starts the example app behind a tap, for sidegate g.
func startYouTube(t *testing.T, g *stage.Gate, api string) (*tap, string) {
	t.Helper()
	port := rig.FreePort(t)
	env := append(streamlitEnv(),
		"STREAMLIT_SERVER_ADDRESS=127.0.0.1", "STREAMLIT_SERVER_PORT="+strconv.Itoa(port),
		"GATE_ADMIN_URL="+g.Admin, "YOUTUBE_API="+api)
	app := "http://" + rig.Loopback(port)
	rig.Start(t, env, stage.Part(t, streamlitWithGoogle), "run", youtubeExample(t)).Answers(t, app+"/_stcore/health")
	return newTap(t, app)
}

// withdraw ends what a token is of at the provider alone, as people do on Google's own pages.
func (a *youtubeAPI) withdraw(t *testing.T, token string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.issuer+"/token/revocation", strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("sidegate-e2e", clientSecret)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the provider does not take the token back: %s", res.Status)
	}
	if _, ok := a.introspect(r, token); ok {
		t.Fatal("the provider took the token back, and says that it is good")
	}
}

// everything is what the page and its browser storage hold.
func everything(t *testing.T, p *stage.Tab) string {
	t.Helper()
	got := p.Eval(`(async () => {
		const kept = [document.documentElement.outerHTML, location.href, document.cookie,
			JSON.stringify(localStorage), JSON.stringify(sessionStorage), JSON.stringify(history.state),
			JSON.stringify(performance.getEntries().map(e => e.name))];
		for (const {name} of await indexedDB.databases()) {
			const db = await new Promise((ok, no) => { const r = indexedDB.open(name); r.onsuccess = () => ok(r.result); r.onerror = no });
			for (const store of db.objectStoreNames) {
				kept.push(JSON.stringify(await new Promise((ok, no) => {
					const r = db.transaction(store).objectStore(store).getAll(); r.onsuccess = () => ok(r.result); r.onerror = no })));
			}
			db.close();
		}
		for (const name of await caches.keys()) kept.push(name, ...(await (await caches.open(name)).keys()).map(r => r.url));
		return kept.join("\n") })()`)
	if !strings.Contains(got, "st-key-channels") {
		t.Fatalf("the page cannot be read\n%s", p.State())
	}
	return got
}

// What the example says is copied from the manual is.
func TestTheYouTubeExampleHasTheManualsCode(t *testing.T) {
	app, err := os.ReadFile(youtubeExample(t))
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	has := strings.Split(string(app), "\n")
	for line := range strings.Lines(manualsCode(t)) {
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "from ") || strings.HasPrefix(line, "SIDEGATE = ") {
			continue
		}
		at := slices.Index(has, line)
		if at < 0 {
			t.Fatalf("examples/youtube/app.py has no such line, or not in this order: %q", line)
		}
		has, lines = has[at+1:], lines+1
	}
	if lines < 20 {
		t.Errorf("the manual's code has %d lines only", lines)
	}
}

// A page that stays open past five lives of an access token shows the figures all the
// time, over one WebSocket. When the person takes the access back at the provider, the
// button is there again, and repairs it.
func TestTheYouTubeExampleStaysConnectedForAsLongAsItIsOpen(t *testing.T) {
	t.Parallel()
	api := newYouTubeAPI(t)
	g := stage.NewGate(t, map[string]string{"SECRET": sessionSecret, "CONNECT_SCOPES": youtube})
	k, app := startYouTube(t, g, api.URL)
	api.issuer = stage.StartProviderWith(t, []string{"ACCESS_TOKEN_SECONDS=6"}, g.Callback())
	g.Settings["UPSTREAM"], g.Settings["ISSUER"] = app, api.issuer
	g.Serve(t, nil)
	p := stage.NewBrowser(t).Profile(t)
	p.Open(g.URL + "/")
	p.SignIn("alice@example.com")
	p.WaitText(".st-key-channels", "Connect YouTube")
	connect(t, p)

	refresh := func() string {
		before := p.Text(".st-key-asked")
		time.Sleep(time.Second) // what it says is in seconds
		p.Click(".st-key-refresh button")
		rig.Eventually(t, p.State, func() bool { now := p.Text(".st-key-asked"); return now != "" && now != before })
		return p.Text(".st-key-channels")
	}
	rounds := 0
	for begin := time.Now(); time.Since(begin) < 32*time.Second; rounds++ {
		if got := refresh(); !strings.Contains(got, "1,234") {
			t.Fatalf("after %v:\n%s", time.Since(begin), got)
		}
	}
	tokens := api.tokens()
	t.Logf("%d tokens in %d rounds", len(tokens), rounds)
	if len(tokens) < 5 {
		t.Errorf("%d tokens in five lives", len(tokens))
	}
	if n := k.count(); n != 2 { // this page's, and that of the tab in which it was connected
		t.Errorf("%d WebSockets, want one for each of two pages", n)
	}

	for _, token := range tokens {
		if _, ok := api.introspect(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), token); ok {
			api.withdraw(t, token)
		}
	}
	rig.Eventually(t, func() string { return "withdrawn, and the button is not there\n" + p.State() }, func() bool {
		return strings.Contains(refresh(), "Connect YouTube")
	})
	connect(t, p)
	if got := refresh(); !strings.Contains(got, "1,234") {
		t.Errorf("connected again:\n%s", got)
	}

	secrets := map[string][]string{"an access token": api.tokens(), "a ticket": k.given()}
	page, log := everything(t, p), g.Output.String()
	for what, all := range secrets { // SEC-LEAK-02..05
		if len(all) == 0 {
			t.Fatalf("%s was never seen", what)
		}
		for _, secret := range all {
			for where, has := range map[string]bool{
				"the page or the browser's storage": strings.Contains(page, secret),
				"what the app sends":                k.has(secret),
				"the log":                           strings.Contains(log, secret),
			} {
				if has {
					t.Errorf("%s is in %s", what, where)
				}
			}
		}
	}
	if !k.has("Channel ") {
		t.Error("what the app sends was not kept: nothing would be found in it")
	}
}

// connect presses the example's button, consents in the tab that it opens, and has the page
// notice.
func connect(t *testing.T, p *stage.Tab) {
	t.Helper()
	second := p.Opened(t, connectButton)
	second.SignIn("alice@example.com")
	second.WaitText(".st-key-channels", "Channel ", "1,234")
	second.Close()
	p.Click(".st-key-refresh button")
	p.WaitText(".st-key-channels", "Channel ", "1,234")
}

func (k *tap) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sockets
}

func (k *tap) given() (all []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for ticket := range k.tickets {
		all = append(all, ticket)
	}
	return all
}
