package demo

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func dashboardWith(t *testing.T, headers map[string]string) string {
	t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	NewDashboard().ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("got %d, want 200", w.Code)
	}
	return w.Body.String()
}

func TestDashboardShowsWhoTheHeadersName(t *testing.T) {
	page := dashboardWith(t, map[string]string{
		"X-User-Email":      "bob@example.com",
		"X-User-Name":       "Bob%20N%C3%BA%C3%B1ez",
		"X-Forwarded-Proto": "https",
	})
	for _, want := range []string{
		`Signed in as <b id="email">bob@example.com</b>`,
		`Bob Núñez`,
		`<code>X-User-Name</code></dt><dd><code>Bob%20N%C3%BA%C3%B1ez</code>`,
		`<code>X-Forwarded-Proto</code></dt><dd><code>https</code>`,
		`href="/_gate/"`,
		`method="post" action="/_gate/logout"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s on the page:\n%s", want, page)
		}
	}
	if page := dashboardWith(t, nil); !strings.Contains(page, "Nobody is signed in") {
		t.Error("without headers the page claims that somebody is signed in")
	}
}

func TestDashboardEscapesHeaderValues(t *testing.T) {
	const attack = `"><script>alert(1)</script>`
	page := dashboardWith(t, map[string]string{
		"X-User-Email":     attack,
		"X-User-Name":      "%22%3E%3Cscript%3Ealert(2)%3C/script%3E",
		"X-User-Groups":    attack,
		"X-Forwarded-Host": attack,
		"Cookie":           "<script>=1; x<script>alert(3)</script>=2",
	})
	if got := strings.Count(page, "<script"); got != 1 {
		t.Errorf("got %d script elements, want the app's own:\n%s", got, page)
	}
}

func TestDashboardShowsNoSecrets(t *testing.T) {
	assertion := "eyJhbGciOiJSUzI1NiJ9." + strings.Repeat("payload", 50) + ".signature"
	page := dashboardWith(t, map[string]string{
		"X-User-Assertion": assertion,
		"X-Auth-Ticket":    "ticket-value",
		"X-User-Ticket":    "short-enough-to-be-shown",
		"Authorization":    "Bearer token-value",
		"Cookie":           "theme=cookie-value; other=cookie-value",
	})
	for _, secret := range []string{"signature", "ticket-value", "to-be-shown", "token-value", "cookie-value"} {
		if strings.Contains(page, secret) {
			t.Errorf("the page shows %q", secret)
		}
	}
	if !strings.Contains(page, "<code>theme, other</code>") {
		t.Error("the page does not name the cookies that arrived")
	}
}

func TestDashboardServesItsOwnAssetsAndNoOthers(t *testing.T) {
	app := NewDashboard()
	for path, want := range map[string]int{
		"/demo.css": 200, "/dashboard.js": 200, "/dashboard.html": 404, "/page/signin.html": 404, "/x": 404,
	} {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
	w := httptest.NewRecorder()
	app.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /: got %d, want 405", w.Code)
	}
}

func TestDashboardPageLoadsNothingFromElsewhere(t *testing.T) {
	for _, name := range []string{"dashboard.html", "dashboard.js", "demo.css", "signin.html"} {
		text, err := pages.ReadFile("page/" + name)
		if err != nil {
			t.Fatal(err)
		}
		rest := strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", "")
		for _, sign := range []string{"http:", "https:", "src=\"//", "url(", "@import", "style=\"", "onclick=\""} {
			// location.protocol === "https:" is the one scheme the script names.
			if strings.Contains(strings.ReplaceAll(rest, `=== "https:"`, ""), sign) {
				t.Errorf("%s contains %s", name, sign)
			}
		}
	}
}
