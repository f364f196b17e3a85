package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sidegate/identity"
	"sidegate/web"
)

// The setting decides over both, the tag in the app's pages and the script it loads.
// Without it the script's address is the app's, like any other.
func TestTheNoticeIsThereWhenItIsAskedFor(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<head><title>"+r.URL.Path)
	}))
	t.Cleanup(app.Close)
	for _, set := range []string{"true", "false", ""} {
		s := serving(t, "UPSTREAM="+app.URL, "NOTICE="+set)
		_, cookie := signIn(t, s.sessions, identity.Identity{Issuer: testIssuer, Subject: "1", Email: "alice@example.com", EmailVerified: true}, "", "")
		get := func(path, dest string) (string, http.Header) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.public.Addr().String()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.AddCookie(cookie)
			r.Header.Set("Sec-Fetch-Dest", dest)
			r.Header.Set("Sec-Fetch-Mode", map[bool]string{true: "navigate", false: "no-cors"}[dest == "document"])
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(body), res.Header
		}
		page, _ := get("/page", "document")
		script, header := get(web.NoticePath, "script")
		want, ofUs := "<head><title>/page", false
		if set == "true" {
			want, ofUs = "<head>"+web.NoticeTag+"<title>/page", true
		}
		if page != want {
			t.Errorf("NOTICE=%s: the page is %q, want %q", set, page, want)
		}
		if got := strings.HasPrefix(header.Get("Content-Type"), "text/javascript"); got != ofUs {
			t.Errorf("NOTICE=%s: the script's address is answered %v %.100q", set, header, script)
		}
	}
}
