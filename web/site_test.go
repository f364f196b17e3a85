package web

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// serve starts a real server with h behind Site.Record and returns its address
// and the log, which is whole once the server is closed.
func serve(t *testing.T, s *Site, h Handler) (url string, log func() string) {
	t.Helper()
	var buf bytes.Buffer
	srv := httptest.NewServer(s.Record(slog.New(slog.NewTextHandler(&buf, nil)), s.Handle(h)))
	t.Cleanup(srv.Close)
	return srv.URL, func() string { srv.Close(); return buf.String() }
}

// do sends one request and returns the answer and its body. Each header is
// "Name: value"; redirects are not followed.
func do(t *testing.T, method, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Add(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

const asPage = "Sec-Fetch-Mode: navigate"

// kinds are all the ways in which this package answers.
func kinds(s *Site) map[string]Handler {
	return map[string]Handler{
		"page":     func(w http.ResponseWriter, r *http.Request) error { s.Page(w, r, 200, SignedOut{}); return nil },
		"json":     func(w http.ResponseWriter, r *http.Request) error { s.JSON(w, r, 200, "x"); return nil },
		"redirect": func(w http.ResponseWriter, r *http.Request) error { s.Redirect(w, r, "/to"); return nil },
		"empty":    func(w http.ResponseWriter, r *http.Request) error { s.Empty(w, r, 202); return nil },
		"leave": func(w http.ResponseWriter, r *http.Request) error {
			s.Leave(w, r, &url.URL{Scheme: "https", Host: "op.example", Path: "/out"}, "op")
			return nil
		},
		"401":   func(http.ResponseWriter, *http.Request) error { return &Error{Status: 401, Code: "session_required"} },
		"503":   func(http.ResponseWriter, *http.Request) error { return &Error{Status: 503, Retry: 1} },
		"panic": func(http.ResponseWriter, *http.Request) error { panic("x") },
	}
}

// REQ-33, SEC-PAGE-01, SEC-LEAK-04, SEC-LEAK-10: every answer, also to those who
// send Accept-Encoding and an Origin (SEC-LEAK-11, no CORS).
func TestEveryAnswerCarriesTheProtectiveHeaders(t *testing.T) {
	want := map[string]string{
		"Content-Security-Policy":      "default-src 'none'; style-src " + StyleSource() + "; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
		"Strict-Transport-Security":    "max-age=31536000",
	}
	s := &Site{HTTPS: true}
	for name, h := range kinds(s) {
		for _, mode := range []string{asPage, "Sec-Fetch-Mode: cors"} {
			url, _ := serve(t, s, func(w http.ResponseWriter, r *http.Request) error {
				w.Header().Set("Access-Control-Allow-Origin", "*") // left by somebody else
				w.Header().Set("Content-Encoding", "gzip")
				w.Header().Set("Cache-Control", "public")
				return h(w, r)
			})
			resp, _ := do(t, "GET", url, mode, "Accept-Encoding: gzip, br", "Origin: https://evil.example")
			for field, value := range want {
				if got := resp.Header.Values(field); len(got) != 1 || got[0] != value {
					t.Errorf("%s, %s: %s = %q, want %q", name, mode, field, got, value)
				}
			}
			for field := range resp.Header {
				if strings.HasPrefix(field, "Access-Control-") || field == "Content-Encoding" || field == "Server" {
					t.Errorf("%s, %s: answer has %s", name, mode, field)
				}
			}
		}
	}
}

func TestPlainHTTPNeverPromisesHTTPS(t *testing.T) {
	s := &Site{}
	for name, h := range kinds(s) {
		url, _ := serve(t, s, h)
		if resp, _ := do(t, "GET", url); resp.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: HSTS on plain http", name)
		}
	}
}

func TestHeadGetsTheHeadOfGet(t *testing.T) {
	s := &Site{}
	for name, h := range kinds(s) {
		url, _ := serve(t, s, h)
		get, body := do(t, "GET", url, asPage)
		head, none := do(t, "HEAD", url, asPage)
		if none != "" {
			t.Errorf("%s: HEAD has the body %q", name, none)
		}
		if head.StatusCode != get.StatusCode || head.ContentLength != int64(len(body)) {
			t.Errorf("%s: HEAD says %d, %d bytes; GET sent %d, %d bytes", name, head.StatusCode, head.ContentLength, get.StatusCode, len(body))
		}
	}
}

func TestRedirectHasNoBodyAndNeverRepeatsAForm(t *testing.T) {
	s := &Site{}
	url, log := serve(t, s, kinds(s)["redirect"])
	for method, want := range map[string]int{"GET": 302, "HEAD": 302, "POST": 303, "PUT": 303} {
		resp, body := do(t, method, url)
		if resp.StatusCode != want || resp.Header.Get("Location") != "/to" || body != "" {
			t.Errorf("%s: got %d to %q with %d bytes, want %d to /to with none", method, resp.StatusCode, resp.Header.Get("Location"), len(body), want)
		}
	}
	if lines := log(); strings.Count(lines, "status=30") != 4 {
		t.Errorf("the record does not say what was answered:\n%s", lines)
	}
}

func TestJSONThatCannotBeEncodedIsAnError(t *testing.T) {
	s := &Site{}
	for name, h := range map[string]Handler{
		"answer":        func(w http.ResponseWriter, r *http.Request) error { s.JSON(w, r, 200, func() {}); return nil },
		"error's Body":  func(http.ResponseWriter, *http.Request) error { return &Error{Status: 401, Body: func() {}} },
		"Body of a 200": func(http.ResponseWriter, *http.Request) error { return &Error{Status: 200, Body: "fine"} },
	} {
		url, _ := serve(t, s, h)
		if resp, body := do(t, "GET", url); resp.StatusCode != 500 {
			t.Errorf("%s: got %d %s, want 500", name, resp.StatusCode, body)
		}
	}
}

// SEC-PAGE-01: script in a value must not leave the string even where a browser
// takes JSON for HTML.
func TestJSONEscapesMarkup(t *testing.T) {
	s := &Site{}
	url, _ := serve(t, s, func(w http.ResponseWriter, r *http.Request) error {
		s.JSON(w, r, 200, map[string]string{"name": "</script><script>alert(1)</script>"})
		return nil
	})
	resp, body := do(t, "GET", url)
	if strings.ContainsAny(body, "<>") {
		t.Errorf("markup in JSON: %s", body)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type = %q", got)
	}
	if got := resp.Header.Get("Content-Length"); got != strconv.Itoa(len(body)) {
		t.Errorf("Content-Length = %s, want %d", got, len(body))
	}
}

// A browser follows no redirect from a form of ours to another origin: the
// form-action of its page forbids it.
func TestLeavingAfterAFormIsAPageThatGoesOn(t *testing.T) {
	out := &url.URL{Scheme: "https", Host: "op.example", Path: "/out", RawQuery: "state=a%3Bb&x=1"}
	s := &Site{}
	address, _ := serve(t, s, func(w http.ResponseWriter, r *http.Request) error {
		s.Leave(w, r, out, "https://op.example")
		return nil
	})
	resp, body := do(t, "POST", address, asPage)
	if resp.StatusCode != 200 || resp.Header.Get("Refresh") != "0; url="+out.String() || resp.Header.Get("Location") != "" ||
		!strings.Contains(body, "Your session on this site has ended") {
		t.Errorf("after a form: %d, Refresh %q, Location %q", resp.StatusCode, resp.Header.Get("Refresh"), resp.Header.Get("Location"))
	}
	resp, _ = do(t, "GET", address, asPage)
	if resp.StatusCode != 302 || resp.Header.Get("Location") != out.String() || resp.Header.Get("Refresh") != "" {
		t.Errorf("after a link: %d, Location %q, Refresh %q", resp.StatusCode, resp.Header.Get("Location"), resp.Header.Get("Refresh"))
	}
}
