package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidegate/config"
	"sidegate/doctor"
	"sidegate/login/logintest"
	"sidegate/session/sessiontest"
	"sidegate/test/need"
)

// planted is one thing that is wrong, and what doctor has to say of it.
type planted struct {
	name   string
	plant  func(w *ward)
	check  string        // which must find it, and no other may find a fault
	status doctor.Status // the zero one is a fault
	words  []string      // of what it says and what is to be done
}

// google are settings for Google, which is not asked.
func google(w *ward, pairs ...string) {
	w.offline = true
	w.set("ISSUER=" + config.GoogleIssuer)
	w.set(pairs...)
}

func settingFaults() []planted {
	return []planted{
		{"a misspelt setting", func(w *ward) { w.set("ALLOWED_DOMAIN=example.com") }, "settings", 0, []string{"SIDEGATE_ALLOWED_DOMAIN", "nearest known name is SIDEGATE_ALLOWED_DOMAINS"}},
		{"a misspelt setting, while sidegate runs", func(w *ward) {
			w.running = true
			w.last(func() { w.t.Setenv("SIDEGATE_DRIAN", "1s") })
		}, "settings", 0, []string{"SIDEGATE_DRIAN", "SIDEGATE_DRAIN"}},
		{"a raw IP address for Google", func(w *ward) { google(w, "PUBLIC_URL=https://192.168.1.5") }, "public-url", 0, []string{"IP address", "Use a real domain with TLS", "SSH port forwarding"}},
		{"a .local name for Google", func(w *ward) { google(w, "PUBLIC_URL=https://dash.local") }, "public-url", 0, []string{"no public top-level domain", "Use a real domain with TLS"}},
		{"a single-label name for Google", func(w *ward) { google(w, "PUBLIC_URL=https://myserver:8501") }, "public-url", 0, []string{"no public top-level domain", "Use a real domain"}},
		{"plain http on a real host name", func(w *ward) { google(w, "PUBLIC_URL=http://app.example.com") }, "public-url", 0, []string{"has to be https", "Plain http is for localhost"}},
		{"a user name in the public URL", func(w *ward) { google(w, "PUBLIC_URL=https://user@app.example.com") }, "public-url", 0, []string{"user name or password", "SIDEGATE_PUBLIC_URL=https://app.example.com"}},
		{"a client of the type desktop", func(w *ward) {
			google(w, "PUBLIC_URL=https://app.corp.com", "CLIENT_ID=", "CLIENT_SECRET=", "CLIENT_JSON="+w.file("client.json", `{"installed":{"client_id":"a","client_secret":"b"}}`, 0o600))
		}, "client", 0, []string{"desktop client", "Create one of the type Web application"}},
		{"a redirect URI that Google's file lacks", func(w *ward) {
			google(w, "PUBLIC_URL=https://app.corp.com", "CLIENT_ID=", "CLIENT_SECRET=", "CLIENT_JSON="+w.file("client.json",
				`{"web":{"client_id":"a","client_secret":"b","redirect_uris":["https://app.corp.com/callback"]}}`, 0o600))
		}, "client", 0, []string{"a redirect URI is missing", "Add this line", "https://app.corp.com/_gate/callback"}},
		{"a secret that is too short", func(w *ward) { w.set("SECRET=short") }, "settings", 0, []string{"SIDEGATE_SECRET", "shorter than 32 bytes", "openssl rand -base64 32"}},
		{"no client", func(w *ward) { w.set("CLIENT_ID=", "CLIENT_SECRET=") }, "client", 0, []string{"no OAuth client", "SIDEGATE_CLIENT_JSON=client_secret_"}},
		{"nobody may enter", func(w *ward) { w.set("ALLOWED_DOMAINS=") }, "access", 0, []string{"nobody may enter", "SIDEGATE_ALLOWED_EMAILS=you@gmail.com"}},
		{"the file of e-mails is missing", func(w *ward) { w.set("ALLOWED_EMAILS_FILE=/nowhere/emails.txt") }, "access", 0, []string{"/nowhere/emails.txt", "cannot be read"}},
		{"the file of e-mails is empty", func(w *ward) {
			w.set("ALLOWED_DOMAINS=", "ALLOWED_EMAILS_FILE="+w.file("emails", "# nobody\n", 0o600))
		}, "access", 0, []string{"no e-mail address", "one address a line"}},
		{"everybody may enter", func(w *ward) { w.set("ALLOW_ANYONE=true") }, "access", doctor.Warning, []string{"every account", "SIDEGATE_ALLOWED_DOMAINS"}},
		{"a secret's file is open to others", func(w *ward) {
			w.set("SECRET_FILE=" + w.file("secret", strings.Repeat("0123456789abcdefXYZ", 3), 0o644))
		}, "files", doctor.Warning, []string{"mode 0644", "chmod 600 "}},
		{"a further provider's secret is open to others", func(w *ward) {
			w.set("PROVIDERS=okta", "OKTA_ISSUER=https://okta.example", "OKTA_CLIENT_ID=id", "OKTA_CLIENT_SECRET_FILE="+w.file("okta", "secret", 0o644))
		}, "files", doctor.Warning, []string{"OKTA_CLIENT_SECRET_FILE", "mode 0644", "chmod 600 "}},
		{"the port is taken", func(w *ward) { w.taken("LISTEN") }, "listen", 0, []string{"taken by another program", "SIDEGATE_LISTEN=127.0.0.1:PORT"}},
	}
}

// file makes a file and returns its path.
func (w *ward) file(name, text string, mode os.FileMode) string {
	path := filepath.Join(w.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// taken has another program listen where a setting says, but not where browsers look.
func (w *ward) taken(setting string) {
	other := httptest.NewServer(http.NotFoundHandler())
	w.t.Cleanup(other.Close)
	w.set(setting + "=" + strings.TrimPrefix(other.URL, "http://"))
	w.set("PUBLIC_URL=http://localhost:1")
}

func providerFaults() []planted {
	return []planted{
		{"the provider is down", func(w *ward) { w.set("ISSUER=http://127.0.0.1:1") }, "provider", 0, []string{"refused", "SIDEGATE_ISSUER"}},
		{"a slash too many in the issuer", func(w *ward) { w.set("ISSUER=" + w.provider.Issuer + "/") }, "provider", 0, []string{"calls itself", "to the last slash"}},
		{"a page in the provider's place", func(w *ward) {
			other := httptest.NewServer(http.NotFoundHandler())
			w.t.Cleanup(other.Close)
			w.set("ISSUER=" + other.URL)
		}, "provider", 0, []string{"answers 404", "SIDEGATE_ISSUER"}},
		{"the provider has no keys", func(w *ward) {
			w.provider.Change(func(s *logintest.Script) { s.Published = nil })
		}, "provider", 0, []string{"key set is empty"}},
		{"a clock that is wrong", func(w *ward) {
			w.provider.Wrap(logintest.DiscoveryPath, func(next http.HandlerFunc) http.HandlerFunc {
				return func(rw http.ResponseWriter, r *http.Request) {
					rw.Header().Set("Date", time.Now().Add(-5*time.Minute).UTC().Format(http.TimeFormat))
					next(rw, r)
				}
			})
		}, "clock", 0, []string{"ahead of", "timedatectl"}},
		{"a wrong client secret", func(w *ward) { w.set("CLIENT_SECRET=of-another-client") }, "client-secret", 0, []string{"invalid_client", "download the client's JSON again"}},
		{"a provider that says the same of any secret", func(w *ward) { w.demoProvider(w.settings["PUBLIC_URL"] + "/_gate/callback") }, "client-secret", doctor.Skipped, []string{"looks at the code first"}},
		{"a redirect URI that is not registered", func(w *ward) { w.demoProvider("http://localhost:1/_gate/callback") }, "redirect-uri", 0, []string{"does not know the redirect URI", "exactly this line", "/_gate/callback"}},
		{"a client that the provider does not know", func(w *ward) {
			w.demoProvider(w.settings["PUBLIC_URL"] + "/_gate/callback")
			w.set("CLIENT_ID=nobody")
		}, "redirect-uri", 0, []string{"does not know the client id nobody", "client id"}},
		{"Google's page with a code in its address", func(w *ward) { w.errorPage("ChVyZWRpcmVjdF91cmlfbWlzbWF0Y2gSsAE") }, "redirect-uri", 0, []string{"does not know the redirect URI", "Authorized redirect URIs"}},
		{"a provider that does not tell", func(w *ward) { w.errorPage("") }, "redirect-uri", doctor.Skipped, []string{"could not tell", "/_gate/callback"}},
	}
}

// errorPage has the provider send people to a page of its own, as Google does.
func (w *ward) errorPage(code string) {
	w.provider.Replace(logintest.AuthorizePath, func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "/signin/oauth/error?"+url.Values{"authError": {code}}.Encode(), http.StatusFound)
	})
}

func storeFaults() []planted {
	redis := func(w *ward, url string) {
		w.set("SESSION_STORE="+url, "SECRET="+strings.Repeat("0123456789abcdefXYZ", 3))
	}
	user := func(w *ward, rights ...string) {
		r := sessiontest.Redis(w.t)
		r.Do(append([]string{"ACL", "SETUSER", "app", "on", ">pw", "resetchannels", "~sidegate:*", "-@all"}, rights...)...)
		redis(w, "redis://app:pw@"+r.Addr()+"/0")
	}
	most := []string{"&sidegate:*", "+get", "+set", "+del", "+scan", "+eval", "+zadd", "+zrem", "+zrangebyscore", "+zremrangebyscore",
		"+pttl", "+pexpire", "+publish", "+subscribe", "+ping", "+hello", "+auth", "+select"}
	less := func(left ...string) (rights []string) {
		for _, r := range most {
			if !strings.Contains(" "+strings.Join(left, " ")+" ", " "+r+" ") {
				rights = append(rights, r)
			}
		}
		return rights
	}
	return []planted{
		{"Redis is down", func(w *ward) { redis(w, "redis://127.0.0.1:1/0") }, "store", 0, []string{"refused", "Start Redis"}},
		{"a wrong password for Redis", func(w *ward) {
			r := sessiontest.Redis(w.t, "--requirepass", "right")
			redis(w, "redis://:wrong@"+r.Addr()+"/0")
		}, "store", 0, []string{"WRONGPASS", "Check user and password"}},
		{"a user of Redis who may not run scripts", func(w *ward) { user(w, less("+eval")...) }, "store", 0, []string{"eval", "ACL SETUSER"}},
		{"a user of Redis who may not subscribe", func(w *ward) { user(w, less("+subscribe")...) }, "store", 0, []string{"tell of revocations", "subscribe", "ACL SETUSER"}},
		{"a user of Redis who may not list", func(w *ward) { user(w, less("+scan")...) }, "store", 0, []string{"list records", "scan", "+scan"}},
		{"Redis drops sessions", func(w *ward) {
			redis(w, sessiontest.Redis(w.t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru").URL)
		}, "store-keeps", doctor.Warning, []string{"allkeys-lru", "noeviction"}},
		{"sessions in memory", func(w *ward) { w.set("SESSION_STORE=memory:") }, "store-keeps", doctor.Warning, []string{"a restart signs everybody out", "file:/PATH"}},
		{"no directory for the session file", func(w *ward) { w.set("SESSION_STORE=file:/nowhere/at/all/sessions.db") }, "store", 0, []string{"no directory /nowhere/at/all", "mkdir -p -m 700"}},
		{"a session file that others can read", func(w *ward) { w.set("SESSION_STORE=file:" + w.file("sessions.db", "", 0o644)) }, "store", 0, []string{"open to other users", "chmod 600"}},
	}
}

func appFaults() []planted {
	return []planted{
		{"the app is not there", func(w *ward) { w.set("UPSTREAM=http://127.0.0.1:1") }, "app", 0, []string{"refused", "Start the app", "SIDEGATE_UPSTREAM"}},
		{"the app fails", func(w *ward) { w.app = logintest.Answer(500, "text/plain", "Traceback") }, "app", 0, []string{"answers 500", "log"}},
		{"the app refuses our host name", func(w *ward) {
			w.app = refusing(func(r *http.Request) bool { return strings.HasPrefix(r.Host, "localhost") })
		}, "app-host", 0, []string{"refuses the host name", "ALLOWED_HOSTS"}},
		{"the app refuses our origin", func(w *ward) {
			w.app = refusing(func(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("Origin"), "http://localhost") })
		}, "websocket", 0, []string{"refuses WebSockets to pages of http://localhost", "Allow the origin"}},
		{"Bokeh refuses our origin", func(w *ward) {
			w.set("APP=bokeh")
			w.app = refusing(func(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("Origin"), "http://localhost") })
		}, "websocket", 0, []string{"--allow-websocket-origin=localhost:"}},
		{"Streamlit without its WebSocket", func(w *ward) {
			w.set("APP=streamlit")
			w.app = refusing(func(r *http.Request) bool { return r.Header.Get("Upgrade") != "" })
		}, "websocket", 0, []string{"Streamlit answers 403 to a WebSocket at /_stcore/stream", "base path"}},
		{"the app listens on every address", func(w *ward) { w.appAddr = "0.0.0.0:0" }, "around", 0, []string{"127.0.0.2", "around sidegate", "127.0.0.1 alone"}},
	}
}

// refusing is goodApp, but for some requests.
func refusing(which func(*http.Request) bool) http.Handler {
	app := goodApp()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if which(r) {
			http.Error(w, "refused", http.StatusForbidden)
			return
		}
		app.ServeHTTP(w, r)
	})
}

func frontFaults() []planted {
	behind := func(nginx string, pairs ...string) func(*ward) {
		return func(w *ward) {
			w.running, w.nginx = true, nginx
			w.set("TRUSTED_PROXIES=127.0.0.1")
			w.set(pairs...)
		}
	}
	return []planted{
		{"nginx without Upgrade", behind(nginxWithout("proxy_set_header Upgrade $http_upgrade;")), "front-upgrade", 0, []string{"drops Upgrade", "proxy_set_header Upgrade $http_upgrade"}},
		{"nginx that speaks HTTP/1.0", behind(nginxWithout("proxy_http_version 1.1;") + "proxy_http_version 1.0;"), "front-upgrade", 0, []string{"drops Upgrade", "proxy_http_version 1.1"}},
		{"nginx that holds answers back", behind(strings.Replace(nginxWithout("proxy_buffering off;"), "version 1.1", "version 1.0", 1)), "front-buffering", 0, []string{"holds answers back", "proxy_buffering off"}},
		{"nginx that changes Host", behind(nginxWithout("proxy_set_header Host $http_host;")), "front", 0, []string{"changes the host name", "proxy_set_header Host $http_host"}},
		{"nginx with its usual bound for uploads", behind(nginxWithout("client_max_body_size 200m;")), "front-upload", 0, []string{"413", "client_max_body_size"}},
		{"nginx that takes the cookies", behind(goodNginx + "proxy_hide_header Set-Cookie;"), "front-cookies", 0, []string{"does not arrive", "pass Set-Cookie on"}},
		{"nginx that changes the cookies", behind(goodNginx + "proxy_cookie_flags ~ nohttponly;"), "front-cookies", 0, []string{"other attributes", "pass Set-Cookie on"}},
		{"nginx that is not trusted", behind(goodNginx, "TRUSTED_PROXIES="), "front", doctor.Warning, []string{"not trusted", "SIDEGATE_TRUSTED_PROXIES=127.0.0.1"}},
		{"nginx that does not say who asks", behind(nginxWithout("proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;")), "front", doctor.Warning, []string{"does not say who asks", "proxy_set_header X-Forwarded-For"}},
		{"nginx that does not find sidegate", func(w *ward) {
			behind(goodNginx)(w)
			w.afterNginx(func() { w.set("LISTEN=127.0.0.1:0") })
		}, "front", 0, []string{"does not find sidegate (502)", "SIDEGATE_LISTEN"}},
		{"a certificate that nobody trusts", func(w *ward) {
			front := httptest.NewUnstartedServer(http.NotFoundHandler())
			front.Config.ErrorLog = log.New(io.Discard, "", 0)
			front.StartTLS()
			w.t.Cleanup(front.Close)
			w.set("PUBLIC_URL=" + strings.Replace(front.URL, "127.0.0.1", "localhost", 1))
		}, "front", 0, []string{"certificate that is not trusted", "ca-certificates"}},
		{"another program at the public address", func(w *ward) {
			other := httptest.NewServer(http.NotFoundHandler())
			w.t.Cleanup(other.Close)
			w.set("PUBLIC_URL=" + strings.Replace(other.URL, "127.0.0.1", "localhost", 1))
		}, "front", 0, []string{"something else answers", "pass every path on to sidegate"}},
		{"a sidegate that runs with older settings", func(w *ward) {
			w.running = true
			w.set("CLIENT_ID=former-client")
			w.last(func() { w.t.Setenv("SIDEGATE_CLIENT_ID", w.provider.ClientID) })
		}, "front-cookies", doctor.Warning, []string{"other settings than these", "Restart it"}},
	}
}

// Every one of them is planted for real, and doctor finds it, names what to do, and
// accuses nothing else.
func TestDoctorFindsWhatIsWrongAndSaysWhatToDo(t *testing.T) {
	for group, all := range map[string][]planted{
		"settings": settingFaults(), "provider": providerFaults(), "store": storeFaults(), "app": appFaults(), "front": frontFaults(),
	} {
		for _, p := range all {
			t.Run(group+"/"+p.name, func(t *testing.T) {
				w := newWard(t)
				p.plant(w)
				judgeFault(t, p, w.results())
			})
		}
	}
}

func judgeFault(t *testing.T, p planted, results []doctor.Result) {
	t.Helper()
	var found []string
	for _, r := range results {
		said := r.Says + " → " + r.Remedy
		switch {
		case r.Check == p.check && r.Status == p.status:
			found = append(found, said)
		case r.Status == doctor.Fault && !follows(p.check, r.Check):
			t.Errorf("%s is accused too: %s", r.Check, said)
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s does not find it: %+v", p.check, results)
	}
	for _, word := range p.words {
		if !strings.Contains(strings.Join(found, "\n"), word) {
			t.Errorf("%s says nothing of %q: %q", p.check, word, found)
		}
	}
}

// follows reports whether one fault must have another.
func follows(cause, fault string) bool {
	return cause == "app-host" && fault == "websocket" || cause == "front-buffering" && fault == "front-upgrade"
}

// No output of doctor holds a secret.
func TestDoctorShowsNoSecret(t *testing.T) {
	w := newWard(t)
	r := sessiontest.Redis(t, "--requirepass", "right")
	w.set("CLIENT_SECRET=canary-client-secret", "SECRET=canary-"+strings.Repeat("0123456789abcdefXYZ", 3), "SESSION_STORE=redis://:canary-password@"+r.Addr()+"/0")
	w.open()
	for _, args := range [][]string{{"doctor"}, {"doctor", "--json"}} {
		code, out, errs := do(args...)
		if code != 1 || strings.Contains(out+errs, "canary") {
			t.Errorf("%v: code %d\n%s%s", args, code, out, errs)
		}
	}
}

func TestDoctorsJSONHasStableNames(t *testing.T) {
	w := newWard(t)
	w.set("ALLOWED_DOMAIN=example.com")
	w.open()
	code, out, errs := do("doctor", "--json", "--offline")
	var said doctor.JSON
	if err := json.Unmarshal([]byte(out), &said); err != nil || code != 1 || said.Healthy || errs != "" {
		t.Fatalf("code %d, %v, %s%s", code, err, out, errs)
	}
	var names []string
	for _, c := range said.Checks {
		names = append(names, c.Check)
		if c.Says == "" || c.Group == "" || c.Status == "fault" && c.Remedy == "" {
			t.Errorf("%+v", c)
		}
	}
	const want = "settings public-url client access files listen provider clock client-secret redirect-uri store store-keeps " +
		"app app-host websocket around front front-upgrade front-buffering front-upload front-cookies identity through"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("checks %s", got)
	}
	if !strings.Contains(out, `"check": "settings"`) || !strings.Contains(out, `"status": "skipped"`) {
		t.Errorf("%s", out)
	}
}

// Nothing that was not looked at counts as well (SEC: fail closed).
func TestWhatIsNotLookedAtIsSkipped(t *testing.T) {
	settings(t)
	code, out, _ := do("doctor", "--offline")
	if code != 1 || strings.Contains(out, "everything is in order") {
		t.Errorf("without a setting: code %d\n%s", code, out)
	}
	w := newWard(t)
	w.set("UPSTREAM=")
	w.open()
	os.Unsetenv("SIDEGATE_UPSTREAM")
	code, out, _ = do("doctor")
	out = strings.Join(strings.Fields(out), " ")
	if code != 0 || !strings.Contains(out, "skipped: no SIDEGATE_UPSTREAM") || !strings.Contains(out, "nothing wrong was found") || !strings.Contains(out, "start sidegate and ask doctor again") {
		t.Errorf("without an app: code %d\n%s", code, out)
	}
}

func TestDoctorRefusesArgumentsThatItDoesNotKnow(t *testing.T) {
	for _, args := range [][]string{{"doctor", "now"}, {"doctor", "--"}, {"doctor", "--quick"}} {
		if code, _, errs := do(args...); code != 2 || !strings.Contains(errs, "Usage:") {
			t.Errorf("%v: code %d", args, code)
		}
	}
}

// doctor -- CMD starts the app, looks at it, and ends it.
func TestDoctorStartsTheAppItself(t *testing.T) {
	need.Program(t, "python3", "python3")
	w := newWard(t)
	w.set("UPSTREAM=")
	w.open()
	os.Unsetenv("SIDEGATE_UPSTREAM")
	pid := filepath.Join(t.TempDir(), "pid")
	code, out, errs := do("doctor", "--", "sh", "-c", fmt.Sprintf("echo $$ > %s; exec python3 -m http.server --bind 127.0.0.1 $PORT", pid))
	if code != 0 || !strings.Contains(out, "answers at http://127.0.0.1:") {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
	text, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/proc/" + strings.TrimSpace(string(text))); err == nil {
		t.Error("the app is left running")
	}
	if code, _, errs := do("doctor", "--", "sh", "-c", "echo my last words; exit 3"); code != 1 || !strings.Contains(errs, "my last words") {
		t.Errorf("of an app that ends: code %d, %s", code, errs)
	}
}
