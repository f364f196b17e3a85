package login_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// browser is a person's browser: a cookie jar, and page loads with the header
// fields that browsers send.
type browser struct {
	t      *testing.T
	site   *site
	client *http.Client
	header http.Header
}

func (s *site) newBrowser() *browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if base, ok := s.Client().Transport.(*http.Transport); ok && base.TLSClientConfig != nil {
		transport.TLSClientConfig = base.TLSClientConfig.Clone()
	}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &browser{
		t: s.t, site: s, client: &http.Client{Transport: transport, Jar: jar},
		header: http.Header{
			"Accept":         {"text/html,application/xhtml+xml"},
			"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Site": {"none"},
		},
	}
}

// page is an answer, read to its end.
type page struct {
	status   int
	url      string // of the request
	location string
	header   http.Header
	body     string
}

// who returns what the app said about the person, the zero whom when it was not
// the app that answered.
func (p page) who() whom {
	var w whom
	if p.status == http.StatusOK {
		json.Unmarshal([]byte(p.body), &w)
	}
	return w
}

// text returns what a page of ours says, without its style.
func (p page) text() string {
	_, text, _ := strings.Cut(p.body, "<main>")
	text, _, _ = strings.Cut(text, "</main>")
	return strings.TrimSpace(text)
}

// open loads an address, of the site when it is a path, and follows redirects.
func (b *browser) open(address string) page {
	b.t.Helper()
	return b.do(b.client, b.request(http.MethodGet, address, ""))
}

// step loads an address and follows no redirect.
func (b *browser) step(address string) page {
	b.t.Helper()
	return b.send(b.request(http.MethodGet, address, ""))
}

// send sends one request and follows no redirect.
func (b *browser) send(r *http.Request) page {
	b.t.Helper()
	still := *b.client
	still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b.do(&still, r)
}

func (b *browser) request(method, address, form string) *http.Request {
	b.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.site.URL + address
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header = b.header.Clone()
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

// do may run in a goroutine of its own: it does not stop the test.
func (b *browser) do(client *http.Client, r *http.Request) page {
	b.t.Helper()
	res, err := client.Do(r)
	if err != nil {
		b.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		return page{header: make(http.Header)}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	return page{
		status: res.StatusCode, url: res.Request.URL.String(), location: res.Header.Get("Location"),
		header: res.Header, body: string(body),
	}
}

// begin starts a sign-in and returns the authorization request.
func (b *browser) begin(returnTo string) (authorization string) {
	b.t.Helper()
	p := b.step("/_gate/login?rd=" + url.QueryEscape(returnTo))
	if p.status != http.StatusFound || !strings.HasPrefix(p.location, b.site.provider.Issuer) {
		b.t.Fatalf("login: got %d to %q, want a redirect to the provider", p.status, p.location)
	}
	return p.location
}

// callback starts a sign-in and returns the address that the provider sends the
// browser back to, which it does not open.
func (b *browser) callback(returnTo string) string {
	b.t.Helper()
	return b.approve(b.begin(returnTo))
}

// approve goes through the provider with an authorization request.
func (b *browser) approve(authorization string) (callback string) {
	b.t.Helper()
	p := b.step(authorization)
	if p.status != http.StatusFound {
		b.t.Fatalf("provider: got %d %s", p.status, p.text())
	}
	return p.location
}

// signIn gets Alice in, or ends the test.
func (b *browser) signIn() {
	b.t.Helper()
	if p := b.open("/"); p.who().Email != "alice@corp.example" {
		b.t.Fatalf("sign-in: got %d at %s: %s", p.status, p.url, p.text())
	}
}

// cookies returns the browser's cookies for the site, by name.
func (b *browser) cookies() map[string]string {
	b.t.Helper()
	own, err := url.Parse(b.site.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	values := make(map[string]string)
	for _, c := range b.client.Jar.Cookies(own) {
		values[c.Name] = c.Value
	}
	return values
}

// setCookie puts a cookie into the jar.
func (b *browser) setCookie(name, value string) {
	b.t.Helper()
	own, err := url.Parse(b.site.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	b.client.Jar.SetCookies(own, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// query returns a parameter of an address.
func query(t *testing.T, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(name)
}

// withQuery returns an address with one parameter set.
func withQuery(t *testing.T, address, name, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}
