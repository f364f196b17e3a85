package demo

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const otherScope = "https://www.googleapis.com/auth/calendar.readonly"

// consentPage signs alice in with two scopes of APIs, and returns what "Allow" posts.
func (f *flow) consentPage() url.Values {
	f.t.Helper()
	page := f.get("/authorize?" + f.query(url.Values{"scope": {"openid email offline_access " + YouTubeScope + " " + otherScope}}))
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(page.body)
	if id == nil {
		f.t.Fatalf("no sign-in page: %d %s", page.StatusCode, page.body)
	}
	page = f.post("/signin", url.Values{"id": {id[1]}, "account": {"alice@example.com"}}, nil)
	again := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(page.body)
	if page.StatusCode != 200 || again == nil || again[1] == id[1] || strings.Contains(page.body, `value="offline_access"`) {
		f.t.Fatalf("no consent page: %d %s", page.StatusCode, page.body)
	}
	for _, scope := range []string{YouTubeScope, otherScope} {
		if !strings.Contains(page.body, `name="scope" value="`+scope+`" checked`) {
			f.t.Fatalf("the page does not ask for %s:\n%s", scope, page.body)
		}
	}
	return url.Values{"id": {again[1]}, "scope": {YouTubeScope, otherScope}, "answer": {"allow"}}
}

// apiTokens is an answer of the token endpoint.
type apiTokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Scope   string
	Expires int `json:"expires_in"`
	Error   string
}

// connect has alice grant scopes.
func (f *flow) connect(scopes ...string) apiTokens {
	f.t.Helper()
	form := f.consentPage()
	form["scope"] = scopes
	code := sentBack(f.t, f.post("/consent", form, nil)).Get("code")
	return decode[apiTokens](f.t, f.exchange(code, nil, testSecret).body)
}

func (f *flow) refresh(token, secret string) apiTokens {
	f.t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	return decode[apiTokens](f.t, f.post("/token", form, func(r *http.Request) { r.SetBasicAuth(ClientID, url.QueryEscape(secret)) }).body)
}

func (f *flow) revoke(token, secret string) int {
	f.t.Helper()
	return f.post("/revoke", url.Values{"token": {token}}, func(r *http.Request) { r.SetBasicAuth(ClientID, url.QueryEscape(secret)) }).StatusCode
}

// channel asks the stand-in for the YouTube API.
func (f *flow) channel(token string) answer {
	f.t.Helper()
	r, err := http.NewRequest("GET", f.issuer+"/youtube/v3/channels?part=statistics&mine=true", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return f.do(r)
}

// age moves what is kept into the past.
func (e *expiring[V]) age(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for key, item := range e.entries {
		item.until = item.until.Add(-d)
		e.entries[key] = item
	}
}

func TestWhatIsTickedIsGranted(t *testing.T) {
	f := newFlow(t)
	for _, c := range []struct {
		ticked []string
		want   string
		status int
	}{
		{[]string{YouTubeScope, otherScope}, "openid email offline_access " + YouTubeScope + " " + otherScope, 200},
		{[]string{YouTubeScope}, "openid email offline_access " + YouTubeScope, 200},
		{[]string{otherScope}, "openid email offline_access " + otherScope, 403},
		{nil, "openid email offline_access", 403},
		{[]string{YouTubeScope, "never-asked"}, "openid email offline_access " + YouTubeScope, 200},
	} {
		got := f.connect(c.ticked...)
		if got.Scope != c.want || got.Refresh == "" {
			t.Errorf("%v ticked: granted %q, want %q; refresh token %q", c.ticked, got.Scope, c.want, got.Refresh)
		}
		if res := f.channel(got.Access); res.StatusCode != c.status || strings.Contains(res.body, "48213") != (c.status == 200) {
			t.Errorf("%v ticked: the API answers %d %s, want %d", c.ticked, res.StatusCode, res.body, c.status)
		}
	}
}

func TestNothingIsGrantedToWhoSignsInOnly(t *testing.T) {
	f := newFlow(t)
	got := decode[apiTokens](t, f.exchange(f.code("alice@example.com"), nil, testSecret).body)
	if got.Refresh != "" {
		t.Error("a sign-in has a refresh token")
	}
	if status := f.channel(got.Access).StatusCode; status != 403 {
		t.Errorf("the API answers %d, want 403", status)
	}
}

func TestCancelledConsentIsReported(t *testing.T) {
	f := newFlow(t)
	form := f.consentPage()
	form.Set("answer", "cancel")
	got := sentBack(t, f.post("/consent", form, nil))
	if got.Get("error") != "access_denied" || got.Get("state") != "the state" || got.Has("code") {
		t.Errorf("sent back %v, want access_denied and the state", got)
	}
}

func TestConsentPageIsGoodForOneAnswer(t *testing.T) {
	f := newFlow(t)
	form := f.consentPage()
	if got := f.post("/consent", form, nil).StatusCode; got != http.StatusSeeOther {
		t.Fatalf("first press: got %d, want 303", got)
	}
	if res := f.post("/consent", form, nil); res.StatusCode != 400 || sentBack(t, res) != nil {
		t.Errorf("second press: got %d to %q, want 400 to nowhere", res.StatusCode, res.Header.Get("Location"))
	}
	foreign := f.consentPage()
	if got := f.post("/consent", foreign, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }).StatusCode; got != 403 {
		t.Errorf("pressed by another site: got %d, want 403", got)
	}
}

// The person has to be asked first: the id of the sign-in page is none of the consent page.
func TestConsentIsGivenByWhoChoseAnAccount(t *testing.T) {
	f := newFlow(t)
	page := f.get("/authorize?" + f.query(url.Values{"scope": {"openid " + YouTubeScope}}))
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(page.body)[1]
	if got := f.post("/consent", url.Values{"id": {id}, "scope": {YouTubeScope}, "answer": {"allow"}}, nil).StatusCode; got != 400 {
		t.Errorf("got %d, want 400", got)
	}
}

func TestAccessTokensLiveAMinuteAndAreRenewed(t *testing.T) {
	f := newFlow(t)
	first := f.connect(YouTubeScope)
	if first.Expires < 58 || first.Expires > 60 {
		t.Errorf("expires_in = %d, want a minute", first.Expires)
	}
	seen := map[string]bool{first.Access: true}
	for range 3 {
		f.provider.store.tokens.age(accessTTL)
		for token := range maps.Keys(seen) {
			if got := f.channel(token).StatusCode; got != 401 {
				t.Fatalf("after its life: got %d, want 401", got)
			}
		}
		next := f.refresh(first.Refresh, testSecret)
		if got := f.channel(next.Access); got.StatusCode != 200 || seen[next.Access] || next.Scope != first.Scope || next.Refresh != first.Refresh {
			t.Fatalf("renewed: %d %s, scope %q, refresh token kept: %v", got.StatusCode, got.body, next.Scope, next.Refresh == first.Refresh)
		}
		seen[next.Access] = true
	}
}

func TestRefreshRefuses(t *testing.T) {
	f := newFlow(t)
	good := f.connect(YouTubeScope)
	for name, c := range map[string]struct{ token, secret, want string }{
		"a wrong secret":       {good.Refresh, testSecret + "x", "invalid_client"},
		"a token nobody got":   {"guess", testSecret, "invalid_grant"},
		"an access token":      {good.Access, testSecret, "invalid_grant"},
		"no token to refresh ": {"", testSecret, "invalid_request"},
	} {
		if got := f.refresh(c.token, c.secret); got.Error != c.want || got.Access != "" {
			t.Errorf("%s: got %q, want %q; a token: %v", name, got.Error, c.want, got.Access != "")
		}
	}
	f.provider.store.refresh.age(refreshTTL)
	if got := f.refresh(good.Refresh, testSecret); got.Error != "invalid_grant" {
		t.Errorf("after a day: got %q, want invalid_grant", got.Error)
	}
}

func TestARevokedTokenEndsItsGrantAndNoOther(t *testing.T) {
	f := newFlow(t)
	other := f.connect(YouTubeScope)
	for name, pick := range map[string]func(apiTokens) string{
		"the refresh token": func(a apiTokens) string { return a.Refresh },
		"the access token":  func(a apiTokens) string { return a.Access },
	} {
		got := f.connect(YouTubeScope)
		if status := f.revoke(pick(got), testSecret+"x"); status != 401 {
			t.Errorf("%s, with a wrong secret: %d, want 401", name, status)
		}
		if status := f.channel(got.Access).StatusCode; status != 200 {
			t.Fatalf("%s, before: %d, want 200", name, status)
		}
		if status := f.revoke(pick(got), testSecret); status != 200 {
			t.Errorf("%s: %d, want 200", name, status)
		}
		if status := f.channel(got.Access).StatusCode; status != 401 {
			t.Errorf("%s: the API answers %d still, want 401", name, status)
		}
		r, _ := http.NewRequest("GET", f.issuer+"/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+got.Access)
		if res := f.do(r); strings.Contains(res.body, "alice") {
			t.Errorf("%s: userinfo says %s", name, res.body)
		}
		if again := f.refresh(got.Refresh, testSecret); again.Error != "invalid_grant" {
			t.Errorf("%s: refreshing says %q, want invalid_grant", name, again.Error)
		}
	}
	if status := f.revoke("nobody knows it", testSecret); status != 200 { // RFC 7009 2.2
		t.Errorf("an unknown token: %d, want 200", status)
	}
	if status := f.channel(other.Access).StatusCode; status != 200 {
		t.Errorf("another grant: %d, want 200", status)
	}
}

func TestTheStandInKnowsOnesOwnChannelAlone(t *testing.T) {
	f := newFlow(t)
	r, _ := http.NewRequest("GET", f.issuer+"/youtube/v3/channels?id=UC-demo-bob", nil)
	r.Header.Set("Authorization", "Bearer "+f.connect(YouTubeScope).Access)
	if got := f.do(r); got.StatusCode != 400 || strings.Contains(got.body, "48213") {
		t.Errorf("got %d %s, want 400", got.StatusCode, got.body)
	}
}

func TestTheStandInRefusesWhatIsNoToken(t *testing.T) {
	f := newFlow(t)
	good := f.connect(YouTubeScope).Access
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer guess", "Basic " + good, good} {
		r, _ := http.NewRequest("GET", f.issuer+"/youtube/v3/channels?mine=true", nil)
		r.Header["Authorization"] = slices.DeleteFunc([]string{authorization}, func(s string) bool { return s == "" })
		if got := f.do(r).StatusCode; got != 401 {
			t.Errorf("%.12q: got %d, want 401", authorization, got)
		}
	}
}
