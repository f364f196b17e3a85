package demo

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

const (
	appURI     = "http://localhost:8080"
	callback   = appURI + "/_gate/callback"
	testSecret = "s3cret & more"
)

// flow is one sign-in, seen from sidegate and the browser together.
type flow struct {
	t        *testing.T
	provider *Provider
	issuer   string
	verifier string
	browser  *http.Client // follows no redirects
}

func newFlow(t *testing.T) *flow {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String()
	p, err := NewProvider(issuer, callback, testSecret)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = p
	server.Start()
	t.Cleanup(server.Close)
	return &flow{t, p, issuer, rand.Text() + rand.Text(), &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is a response whose body was read.
type answer struct {
	*http.Response
	body string
}

func (f *flow) do(r *http.Request) answer {
	f.t.Helper()
	res, err := f.browser.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer{res, string(body)}
}

func (f *flow) get(path string) answer {
	f.t.Helper()
	r, err := http.NewRequest("GET", f.issuer+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.do(r)
}

func (f *flow) post(path string, form url.Values, edit func(*http.Request)) answer {
	f.t.Helper()
	r, err := http.NewRequest("POST", f.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if edit != nil {
		edit(r)
	}
	return f.do(r)
}

// query is a right authorization request; edits replace or, empty, remove.
func (f *flow) query(edits url.Values) string {
	sum := sha256.Sum256([]byte(f.verifier))
	q := url.Values{
		"client_id": {ClientID}, "redirect_uri": {callback}, "response_type": {"code"},
		"scope": {"openid email profile"}, "state": {"the state"}, "nonce": {"the nonce"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for name, values := range edits {
		q[name] = values
	}
	return q.Encode()
}

// choice opens the sign-in page and returns what its button for email posts.
func (f *flow) choice(email string) url.Values {
	f.t.Helper()
	page := f.get("/authorize?" + f.query(nil))
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(page.body)
	if page.StatusCode != 200 || id == nil || !strings.Contains(page.body, `name="account" value="`+email+`"`) {
		f.t.Fatalf("no button for %s on the sign-in page: %d %s", email, page.StatusCode, page.body)
	}
	return url.Values{"id": {id[1]}, "account": {email}}
}

// code signs email in and returns the code the browser takes to sidegate.
func (f *flow) code(email string) string {
	f.t.Helper()
	res := f.post("/signin", f.choice(email), nil)
	to, err := res.Location()
	if err != nil || res.StatusCode != http.StatusSeeOther {
		f.t.Fatalf("POST /signin: got %d %q, want 303", res.StatusCode, res.Header.Get("Location"))
	}
	if got := to.Scheme + "://" + to.Host + to.Path; got != callback {
		f.t.Fatalf("sent to %q, want %q", got, callback)
	}
	if got, want := to.Query().Get("state"), "the state"; got != want {
		f.t.Errorf("got state %q, want %q", got, want)
	}
	return to.Query().Get("code")
}

func (f *flow) exchange(code string, edits url.Values, secret string) answer {
	f.t.Helper()
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code},
		"redirect_uri": {callback}, "code_verifier": {f.verifier},
	}
	for name, values := range edits {
		form[name] = values
	}
	return f.post("/token", form, func(r *http.Request) {
		r.SetBasicAuth(ClientID, url.QueryEscape(secret)) // RFC 6749, 2.3.1
	})
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return v
}

// verify checks an ID token with nothing but the keys the provider publishes
// and the standard library, and returns its claims.
func (f *flow) verify(token string) map[string]any {
	f.t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		f.t.Fatalf("not a JWT: %q", token)
	}
	var raw [3][]byte
	for i, part := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			f.t.Fatal(err)
		}
	}
	head := decode[map[string]string](f.t, string(raw[0]))
	keys := decode[struct{ Keys []map[string]string }](f.t, f.get("/keys").body).Keys
	if len(keys) != 1 || head["alg"] != "RS256" || head["kid"] != keys[0]["kid"] {
		f.t.Fatalf("got header %v and keys %v, want RS256 and the one key", head, keys)
	}
	n, err := base64.RawURLEncoding.DecodeString(keys[0]["n"])
	if err != nil {
		f.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw[2]); err != nil {
		f.t.Fatal(err)
	}
	return decode[map[string]any](f.t, string(raw[1]))
}
