package demo

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sentBack returns the query an answer takes to the redirect URI, or nil if the
// answer goes nowhere.
func sentBack(t *testing.T, res answer) url.Values {
	t.Helper()
	to := res.Header.Get("Location")
	if to == "" {
		return nil
	}
	before, query, _ := strings.Cut(to, "?")
	if before != callback {
		t.Fatalf("sent to %q, want %q", to, callback)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestAuthorizeReportsToTheClient(t *testing.T) {
	f := newFlow(t)
	for name, c := range map[string]struct {
		edits url.Values
		want  string
	}{
		"no code challenge":  {url.Values{"code_challenge": nil, "code_challenge_method": nil}, "invalid_request"},
		"plain challenge":    {url.Values{"code_challenge_method": {"plain"}}, "invalid_request"},
		"unnamed method":     {url.Values{"code_challenge_method": nil}, "invalid_request"},
		"implicit flow":      {url.Values{"response_type": {"id_token token"}}, "unauthorized_client"},
		"answer as a form":   {url.Values{"response_mode": {"form_post"}}, "invalid_request"},
		"no openid scope":    {url.Values{"scope": {"email"}}, "invalid_scope"},
		"request object":     {url.Values{"request": {"e30.e30."}}, "request_not_supported"},
		"without asking":     {url.Values{"prompt": {"none"}}, "login_required"},
		"a made-up ID token": {url.Values{"id_token_hint": {"e30.e30.e30"}}, "login_required"},
	} {
		res := f.get("/authorize?" + f.query(c.edits))
		got := sentBack(t, res)
		if got.Get("error") != c.want || got.Get("state") != "the state" || got.Has("code") {
			t.Errorf("%s: got %v, want error %s and the state", name, got, c.want)
		}
	}
}

func TestAuthorizeSendsNobodyToAnAddressItDoesNotKnow(t *testing.T) {
	f := newFlow(t)
	for name, edits := range map[string]url.Values{
		"another site":    {"redirect_uri": {"https://evil.example/_gate/callback"}},
		"another path":    {"redirect_uri": {callback + "/../../x"}},
		"with a query":    {"redirect_uri": {callback + "?x=1"}},
		"another port":    {"redirect_uri": {"http://localhost:8081/_gate/callback"}},
		"none":            {"redirect_uri": nil},
		"another client":  {"client_id": {"other"}},
		"a broken number": {"max_age": {"x"}},
		"far too long":    {"state": {strings.Repeat("x", maxQuery)}},
	} {
		res := f.get("/authorize?" + f.query(edits))
		if res.StatusCode/100 != 4 || res.Header.Get("Location") != "" {
			t.Errorf("%s: got %d to %q, want 4xx to nowhere", name, res.StatusCode, res.Header.Get("Location"))
		}
		if strings.Contains(res.body, "evil.example") {
			t.Errorf("%s: the page repeats what it was sent", name)
		}
	}
}

func TestTheDemoAlwaysAsks(t *testing.T) {
	f := newFlow(t)
	f.code("alice@example.com")
	for _, prompt := range []string{"", "select_account", "consent"} {
		page := f.get("/authorize?" + f.query(url.Values{"prompt": {prompt}}))
		for _, account := range Accounts() {
			if !strings.Contains(page.body, `value="`+account.Email+`"`) {
				t.Errorf("prompt %q: no button for %s", prompt, account.Email)
			}
		}
	}
}

func TestSignInPageIsGoodForOneSignIn(t *testing.T) {
	f := newFlow(t)
	form := f.choice("alice@example.com")
	wrong := url.Values{"id": form["id"], "account": {"nobody@example.com"}}
	if got := f.post("/signin", wrong, nil).StatusCode; got != 400 {
		t.Errorf("unknown account: got %d, want 400", got)
	}
	if got := f.post("/signin", form, nil).StatusCode; got != http.StatusSeeOther {
		t.Errorf("first press: got %d, want 303", got)
	}
	res := f.post("/signin", form, nil)
	if res.StatusCode != 400 || sentBack(t, res) != nil {
		t.Errorf("second press: got %d to %q, want 400 to nowhere", res.StatusCode, res.Header.Get("Location"))
	}
	if !strings.Contains(res.body, `href="`+appURI+`/"`) {
		t.Error("the page leads nowhere")
	}
}

func TestSignInPageIdsCannotBeGuessed(t *testing.T) {
	f := newFlow(t)
	var ids []string
	for range 10 {
		ids = append(ids, f.choice("alice@example.com").Get("id"))
	}
	slices.Sort(ids)
	if got := len(slices.Compact(ids)); got != 10 {
		t.Errorf("got %d different ids of 10", got)
	}
	if !regexp.MustCompile(`^[A-Z2-7]{26}$`).MatchString(ids[0]) { // 130 random bits
		t.Errorf("got id %q, want 26 base32 digits", ids[0])
	}
}

func TestSignInRefusesAnotherSitesForm(t *testing.T) {
	f := newFlow(t)
	for name, c := range map[string]struct {
		header, value string
		want          int
	}{
		"another site":              {"Sec-Fetch-Site", "cross-site", 403},
		"another port of this host": {"Sec-Fetch-Site", "same-site", 403},
		"another origin":            {"Origin", "https://evil.example", 403},
		"an unnamed origin":         {"Origin", "null", 403},
		"the page itself":           {"Sec-Fetch-Site", "same-origin", 303},
		"the page, older browser":   {"Origin", f.issuer, 303},
	} {
		res := f.post("/signin", f.choice("alice@example.com"), func(r *http.Request) { r.Header.Set(c.header, c.value) })
		if res.StatusCode != c.want {
			t.Errorf("%s: got %d, want %d", name, res.StatusCode, c.want)
		}
	}
}

func TestOtherHostNamesAreRefused(t *testing.T) {
	f := newFlow(t)
	form := f.choice("alice@example.com")
	for _, host := range []string{"rebound.evil.example", "localhost", ""} {
		res := f.post("/signin", form, func(r *http.Request) {
			r.Host = host
			if host == "" {
				r.Host = "127.0.0.1:1"
			}
		})
		if res.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("host %q: got %d, want 421", host, res.StatusCode)
		}
	}
}

func TestEveryAnswerCarriesThePolicy(t *testing.T) {
	f := newFlow(t)
	for _, path := range []string{"/authorize?" + f.query(nil), "/authorize", "/nothing", "/demo.css", "/keys"} {
		h := f.get(path).Header
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; " +
				"frame-ancestors 'none'; form-action 'self' http://localhost:8080",
			"X-Content-Type-Options": "nosniff",
			"X-Frame-Options":        "DENY",
			"Referrer-Policy":        "same-origin",
			"Cache-Control":          "no-store",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s, %s: got %q, want %q", path, name, got, want)
			}
		}
	}
}

// A host in brackets is no valid source in a policy; browsers would drop it and
// stop the sign-in without a word.
func TestPolicyLetsAnIPv6AppBeReached(t *testing.T) {
	p, err := NewProvider("http://127.0.0.1:9000", "http://[::1]:8080/_gate/callback", testSecret)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1:9000/", nil))
	if got, want := w.Header().Get("Content-Security-Policy"), "form-action 'self' http:"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want it to end in %q", got, want)
	}
}

func TestLongFormsAreNotRead(t *testing.T) {
	f := newFlow(t)
	form := f.choice("alice@example.com")
	form.Set("aaa", strings.Repeat("x", maxBody)) // sorts before the others
	if got := f.post("/signin", form, nil).StatusCode; got != 400 {
		t.Errorf("got %d, want 400", got)
	}
}

func TestNewProviderRefusesAddressesBeyondThisMachine(t *testing.T) {
	for _, c := range []struct {
		issuer, redirectURI, secret string
		ok                          bool
	}{
		{"http://127.0.0.1:9000", callback, "s", true},
		{"http://localhost:9000", "https://127.0.0.1/cb", "s", true},
		{"http://[::1]:9000", "http://[::1]:8080/cb", "s", true},
		{"http://192.168.1.5:9000", callback, "s", false},
		{"http://0.0.0.0:9000", callback, "s", false},
		{"http://login.example:9000", callback, "s", false},
		{"http://localhost.evil.example:9000", callback, "s", false},
		{"http://127.0.0.1:9000/path", callback, "s", false},
		{"http://127.0.0.1:9000/", callback, "s", false},
		{"http://u@127.0.0.1:9000", callback, "s", false},
		{"https://127.0.0.1:9000", callback, "s", false},
		{"127.0.0.1:9000", callback, "s", false},
		{"", callback, "s", false},
		{"http://127.0.0.1:9000", "http://192.168.1.5:8080/_gate/callback", "s", false},
		{"http://127.0.0.1:9000", "https://dash.example/_gate/callback", "s", false},
		{"http://127.0.0.1:9000", "javascript://localhost/%0aalert(1)", "s", false},
		{"http://127.0.0.1:9000", "", "s", false},
		{"http://127.0.0.1:9000", callback, "", false},
	} {
		_, err := NewProvider(c.issuer, c.redirectURI, c.secret)
		if got := err == nil; got != c.ok {
			t.Errorf("NewProvider(%q, %q, %q): got %v, want accepted: %v", c.issuer, c.redirectURI, c.secret, err, c.ok)
		}
	}
}
