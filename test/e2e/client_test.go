package e2e

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sidegate/test/rig"
	"sidegate/test/stage"
)

// person is somebody with a browser that runs no scripts: it keeps cookies,
// follows redirects and remembers every address it was sent to.
type person struct {
	t       *testing.T
	client  http.Client
	visited []*url.URL
}

func newPerson(t *testing.T) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t}
	p.client = http.Client{Jar: jar, Timeout: rig.Patience, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		p.visited = append(p.visited, r.URL)
		return nil
	}}
	return p
}

// page is an answer that was read to its end.
type page struct {
	*http.Response
	body string
}

func (p *person) do(method, address string, form url.Values) page {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := p.client.Do(r)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, address, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, address, err)
	}
	return page{resp, string(body)}
}

func (p *person) get(address string) page { p.t.Helper(); return p.do(http.MethodGet, address, nil) }

// signIn opens an address and presses the button of an account on the provider's
// page that comes instead. It returns where that leads.
func (p *person) signIn(address, account string) page {
	p.t.Helper()
	asked := p.get(address)
	if !strings.Contains(asked.body, `name="account"`) {
		p.t.Fatalf("%s led to %s (%s), not to the provider's page:\n%.1000s", address, asked.Request.URL, asked.Status, asked.body)
	}
	return p.do(http.MethodPost, asked.Request.URL.String(), url.Values{"account": {account}})
}

// secrets returns the values that a sign-in made and no log may hold: codes,
// states and cookies.
func (p *person) secrets(g *stage.Gate) []string {
	p.t.Helper()
	var all []string
	for _, u := range p.visited {
		for _, name := range []string{"code", "state", "nonce", "code_challenge"} {
			all = append(all, u.Query()[name]...)
		}
	}
	u, err := url.Parse(g.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range p.client.Jar.Cookies(u) {
		all = append(all, c.Value)
	}
	return all
}

// echoApp is an app that answers with the request it received.
func echoApp(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.Write(w)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// eventuallyGets asks until the answer has the status, and returns it.
func (p *person) eventuallyGets(address string, status int) page {
	p.t.Helper()
	var last page
	rig.Eventually(p.t, func() string {
		return "GET " + address + ": " + last.Status + ", want " + http.StatusText(status) + "\n" + last.body
	}, func() bool {
		last = p.get(address)
		return last.StatusCode == status
	})
	return last
}

// took reports how long do needs.
func took(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}
