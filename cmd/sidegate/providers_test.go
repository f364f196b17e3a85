package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidegate/identity"
	"sidegate/login/logintest"
)

// withOkta is a running sidegate whose main provider is down, and whose other one is
// called okta.
func withOkta(t *testing.T, okta *logintest.Provider, pairs ...string) *server {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s is %s", r.Header.Get("X-User-Id"), r.Header.Get("X-User-Email"))
	}))
	t.Cleanup(app.Close)
	return serving(t, append([]string{
		"UPSTREAM=" + app.URL, "PROVIDERS=okta", "OKTA_ISSUER=" + okta.Issuer, "OKTA_CLIENT_ID=" + okta.ClientID,
		"OKTA_CLIENT_SECRET=" + okta.ClientSecret, "ALLOWED_DOMAINS=corp.example",
	}, pairs...)...)
}

// visitor is a browser that finds s at its public address.
func visitor(t *testing.T, s *server) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == s.config.Public.Host {
			addr = s.public.Addr().String()
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport}
}

func load(t *testing.T, c *http.Client, address string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// REQ-04: the program asks which provider, and the app learns of whom.
func TestPeopleSignInWithTheProviderTheyChoose(t *testing.T) {
	s := withOkta(t, logintest.New(t), "OKTA_TITLE=Our Okta")
	c := visitor(t, s)
	status, page := load(t, c, "http://localhost:8080/")
	for _, want := range []string{`provider=okta"`, "Sign in with Our Okta<", `provider=main"`, "Sign in with 127.0.0.1:1<"} {
		if status != http.StatusOK || !strings.Contains(page, want) {
			t.Fatalf("no choice: %d, without %s: %s", status, want, page)
		}
	}
	if status, got := load(t, c, "http://localhost:8080/_gate/login?rd=%2F&provider=okta"); got != "okta:1001 is alice@corp.example" {
		t.Errorf("the app was asked by %q (%d)", got, status)
	}
}

// A provider is believed of its own domains, and of sessions it made as long as it is
// listed.
func TestWhomAProviderMayVouchForIsLimited(t *testing.T) {
	for domains, want := range map[string]int{"corp.example": http.StatusOK, "partner.example": http.StatusForbidden} {
		s := withOkta(t, logintest.New(t), "OKTA_EMAIL_DOMAINS="+domains)
		if status, _ := load(t, visitor(t, s), "http://localhost:8080/_gate/login?rd=%2F&provider=okta"); status != want {
			t.Errorf("%s: status %d, want %d", domains, status, want)
		}
		former := identity.Identity{Issuer: "https://former.example", Subject: "1", Email: "alice@corp.example", EmailVerified: true}
		_, cookie := signIn(t, s.sessions, former, "", "")
		status, body := asks(t, http.MethodGet, "http://"+s.public.Addr().String()+"/", "localhost:8080", "Cookie", cookie.String())
		if status != http.StatusForbidden {
			t.Errorf("a session of a provider that is gone: %d %s", status, body)
		}
	}
}

// One provider that is down keeps nobody from the others, but is named.
func TestReadyzNamesEachProvider(t *testing.T) {
	okta := logintest.New(t)
	okta.Down()
	s := withOkta(t, okta)
	want := func(status int, parts map[string]string) {
		t.Helper()
		var got map[string]string
		for giveUp := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			code, body := asks(t, http.MethodGet, "http://"+s.admin.Addr().String()+"/readyz", "localhost")
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			ok := code == status
			for name, text := range parts {
				ok = ok && strings.Contains(got[name], text)
			}
			if ok {
				return
			}
			if time.Now().After(giveUp) {
				t.Fatalf("got %d %v, want %d %v", code, got, status, parts)
			}
		}
	}
	want(http.StatusServiceUnavailable, map[string]string{"provider": "discovery at", "provider_okta": "discovery at"})
	okta.Up(t)
	want(http.StatusOK, map[string]string{"provider": "discovery at", "provider_okta": "ok"})
	_, metrics := asks(t, http.MethodGet, "http://"+s.admin.Addr().String()+"/metrics", "localhost")
	for _, line := range []string{"sidegate_provider_up 0\n", "sidegate_further_provider_up{provider=\"okta\"} 1\n"} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %q in\n%s", line, metrics)
		}
	}
}

// SEC-CFG-06: a further provider's client secret is read again as well.
func TestClientSecretOfAFurtherProviderIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("the former secret")
	okta := logintest.New(t)
	s := withOkta(t, okta, "OKTA_CLIENT_SECRET=", "OKTA_CLIENT_SECRET_FILE="+file)
	if status, _ := load(t, visitor(t, s), "http://localhost:8080/_gate/login?rd=%2F&provider=okta"); status != http.StatusBadGateway {
		t.Fatalf("with another secret: status %d", status)
	}
	write(okta.ClientSecret)
	for giveUp := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		status, body := load(t, visitor(t, s), "http://localhost:8080/_gate/login?rd=%2F&provider=okta")
		if status == http.StatusOK {
			return
		}
		if time.Now().After(giveUp) {
			t.Fatalf("with the right one: %d %s", status, body)
		}
	}
}

// SEC-OUT-11: a subject names one provider's people.
func TestTheOperatorEndsSessionsOfAFurtherProvider(t *testing.T) {
	o := newOperator(t)
	alice := person("alice")
	o.signInNext(t, alice)
	alice.Issuer, alice.Subject = "https://okta.example", "okta:alice-1"
	o.signInNext(t, alice)
	for _, who := range []string{"sub:okta:alice-1", "sub:alice-1"} {
		status, body := o.send(t, "POST", "/sessions/revoke", `{"who":["`+who+`"]}`)
		if status != http.StatusOK || !strings.Contains(body, `"revoked":1,`) {
			t.Errorf("%s: %d %s", who, status, body)
		}
	}
}

// Google Groups go by the address, so another provider's people are not looked up.
func TestGoogleGroupsAreTheMainProvidersPeoples(t *testing.T) {
	newRISCAPI(t).credentials(t) // a service account's key
	s := withOkta(t, logintest.New(t), "GOOGLE_GROUPS_JSON="+os.Getenv(keyVariable))
	if got := s.policy.directory.Issuer; got != testIssuer {
		t.Errorf("groups are looked up for people of %q", got)
	}
}
