package main

import (
	"html"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each of the settings reaches the pages: name, logo, and whether one asks first.
func TestSettingsOfThePagesReachThem(t *testing.T) {
	logo := filepath.Join(t.TempDir(), "logo.txt")
	if err := os.WriteFile(logo, []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serving(t, "UPSTREAM=http://127.0.0.1:1", "NAME=Sales", "LOGO="+logo, "SIGN_IN_PAGE=true")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.public.Addr().String()+"/_gate/login?rd=/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<span>Sales</span></header>", "data:image/svg+xml;base64,", "/_gate/login?rd=%2Fa&provider="} {
		if !strings.Contains(html.UnescapeString(string(body)), want) {
			t.Errorf("%s: no %q in\n%s", res.Status, want, body)
		}
	}
}
