package doctor

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

func TestTheClockIsComparedAsFarAsADateTells(t *testing.T) {
	date := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		before, after time.Time
		age           string
		want          time.Duration
	}{
		{date, date.Add(100 * time.Millisecond), "", 0},
		{date.Add(900 * time.Millisecond), date.Add(time.Second), "", 0}, // a Date has no fractions
		{date.Add(-time.Second), date.Add(4 * time.Second), "", 0},       // a slow answer
		{date.Add(90 * time.Second), date.Add(91 * time.Second), "", 90 * time.Second},
		{date.Add(90 * time.Second), date.Add(91 * time.Second), "90", 0}, // a cache had it
		{date.Add(-91 * time.Second), date.Add(-90 * time.Second), "", -90 * time.Second},
	} {
		h := http.Header{"Date": {date.Format(http.TimeFormat)}}
		if tt.age != "" {
			h.Set("Age", tt.age)
		}
		if got, ok := ahead(h, tt.before, tt.after); got != tt.want || !ok {
			t.Errorf("%v to %v, age %q: %v, %t; want %v", tt.before, tt.after, tt.age, got, ok, tt.want)
		}
	}
	if _, ok := ahead(http.Header{}, date, date); ok {
		t.Error("an answer without Date tells the time")
	}
}

func TestGooglesErrorPageIsReadAsFarAsItCanBe(t *testing.T) {
	code := "\n\x15redirect_uri_mismatch\x12\xb0\x01You can't sign in"
	for _, text := range []string{
		base64.URLEncoding.EncodeToString([]byte(code)), base64.StdEncoding.EncodeToString([]byte(code)),
		base64.RawURLEncoding.EncodeToString([]byte(code)),
	} {
		u := &url.URL{RawQuery: url.Values{"authError": {text}}.Encode()}
		if got := codeInError(u); got != "redirect_uri_mismatch" {
			t.Errorf("%s: %q", text, got)
		}
	}
	for _, text := range []string{"", "%%%", base64.URLEncoding.EncodeToString([]byte("something new"))} {
		if got := codeInError(&url.URL{RawQuery: url.Values{"authError": {text}}.Encode()}); got != "" {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// The client secret goes where sidegate itself would send it, and nowhere else: not in
// clear text, and not at another issuer's word (SEC-LEAK-03).
func TestTheClientSecretGoesToNoEndpointThatSidegateWouldNotUse(t *testing.T) {
	asked := 0
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		io.WriteString(w, `{"error":"invalid_grant"}`)
	}))
	defer endpoint.Close()
	for _, tt := range []struct {
		issuer, calledItself string
		want                 bool
	}{
		{"https://op.example", "https://op.example", false},
		{"http://127.0.0.1:1", "https://evil.example", false},
		{"http://127.0.0.1:1", "http://127.0.0.1:1", true},
	} {
		asked = 0
		p := &provider{client: Client{Issuer: tt.issuer, ID: "id", Secret: "s"}, http: providerClient(), now: time.Now}
		p.discover = func(context.Context) (metadata, error) {
			return metadata{Issuer: tt.calledItself, Auth: endpoint.URL, Token: endpoint.URL, Keys: endpoint.URL}, nil
		}
		found := p.answers(t.Context())
		p.secret(t.Context())
		p.registered(t.Context())
		if (asked > 0) != tt.want {
			t.Errorf("%+v: asked %d times", tt, asked)
		}
		if !tt.want && found.Status != Fault {
			t.Errorf("%+v: nobody is told: %+v", tt, found)
		}
	}
}

// An answer at our own redirect URI is not one at an address that begins like it.
func TestOnlyTheRedirectURIItselfIsTheCallback(t *testing.T) {
	p := &provider{client: Client{RedirectURI: "https://app.example.com/_gate/callback"}}
	for address, want := range map[string]bool{
		"https://app.example.com/_gate/callback?error=login_required":     true,
		"https://app.example.com/_gate/callback2?error=login_required":    false,
		"https://app.example.com.evil/_gate/callback?e":                   false,
		"http://app.example.com/_gate/callback":                           false,
		"https://accounts.google.com/signin?continue=https://app.example": false,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.isCallback(u); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
}
