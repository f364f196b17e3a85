package config

import (
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// strong is a secret that passes, and a canary: no error or print may hold it.
const strong = "k7Rz0mQ4vX9tLbE2wYhU5pNcA8sDfG1J"

// settings are values by name, less the prefix.
type settings map[string]string

// minimal is the least that starts.
func minimal() settings {
	return settings{
		"UPSTREAM":        "http://127.0.0.1:8501",
		"CLIENT_ID":       "id",
		"CLIENT_SECRET":   strong,
		"ALLOWED_DOMAINS": "example.com",
	}
}

// with returns s with the pairs of name and value set over it.
func (s settings) with(pairs ...string) settings {
	for i := 0; i < len(pairs); i += 2 {
		s[pairs[i]] = pairs[i+1]
	}
	return s
}

func (s settings) raw(t *testing.T) Raw {
	t.Helper()
	var r Raw
	known := make(map[string]bool)
	r.each(func(_ reflect.StructTag, name string, value *string) {
		known[name] = true
		*value = s[name]
	})
	for _, provider := range providerNames(s["PROVIDERS"]) {
		var one RawProvider
		one.each(func(_ reflect.StructTag, name string, value *string) {
			name = strings.ToUpper(provider) + "_" + name
			known[name] = true
			*value = s[name]
		})
		if r.Further == nil {
			r.Further = make(map[string]RawProvider)
		}
		r.Further[provider] = one
	}
	for name := range s {
		if !known[name] {
			t.Fatalf("no setting %s", name)
		}
	}
	return r
}

func mustParse(t *testing.T, s settings) Config {
	t.Helper()
	c, err := s.raw(t).Parse()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// file writes content to a new file and returns its path.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func faultNames(err error) []string {
	var names []string
	var walk func(error)
	walk = func(err error) {
		if f, ok := err.(*Fault); ok {
			names = append(names, strings.TrimPrefix(f.Name, "SIDEGATE_"))
		} else if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range many.Unwrap() {
				walk(e)
			}
		}
	}
	walk(err)
	return names
}

// SEC-CFG-05: listeners are on loopback unless somebody says otherwise.
func TestDefaultsAreTheContract(t *testing.T) {
	got := mustParse(t, minimal())
	want := Config{
		Upstream:    &url.URL{Scheme: "http", Host: "127.0.0.1:8501"},
		Public:      &url.URL{Scheme: "http", Host: "localhost:8080"},
		Listen:      "127.0.0.1:8080",
		AdminListen: "127.0.0.1:8081",
		Provider:    Provider{Title: "Google", Issuer: GoogleIssuer, Google: true, ClientID: "id", ClientSecret: NewSecret(strong), GroupsClaim: "groups"},
		Access:      Access{Domains: []string{"example.com"}, DomainClaim: "hd"},
		Groups:      Groups{TTL: 10 * time.Minute},
		Session:     Session{Store: Store{Kind: StoreMemory}, Idle: 12 * time.Hour, Max: 168 * time.Hour, Grace: time.Minute},
		Proxy:       Proxy{App: "auto", Headers: []HeaderRule{{Preset: "sidegate"}}},
		Drain:       10 * time.Second,
		Log:         Log{Level: slog.LevelInfo},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got, want := got.RedirectURI(), "http://localhost:8080/_gate/callback"; got != want {
		t.Errorf("redirect URI: got %q, want %q", got, want)
	}
}

// SEC-DOM-14, SEC-CFG-03: no option is read and then forgotten.
func TestEverySettingHasItsEffect(t *testing.T) {
	emails, roles, key := file(t, "ann@example.com\n"), file(t, "admin: ann@example.com\n"), file(t, "{}")
	logo := file(t, svg)
	s := minimal().with(
		"ALLOWED_GROUPS", " /staff , R&D%2C 100%25,,", "GROUPS_CLAIM", "teams", "ROLES_FILE", roles,
		"GOOGLE_GROUPS_JSON", key, "GOOGLE_CUSTOMER", "C046psxkn", "GROUPS_TTL", "90s",
		"UPSTREAM", "unix:/run/app.sock", "PUBLIC_URL", "HTTPS://App.Example.com:443/", "LISTEN", ":8080",
		"ADMIN_LISTEN", "[::1]:9000", "ISSUER", "https://login.example.com/realm/", "ALLOWED_DOMAINS", " Example.COM. , @b.example,, ",
		"ALLOWED_EMAILS", " Ann@example.com ,bob@xn--bcher-kva.example", "ALLOWED_EMAILS_FILE", emails, "ALLOW_ANYONE", "true",
		"DOMAIN_CLAIM", "hd", "SESSION_STORE", "rediss://:pw@a:1,b:2/0", "SECRET", strong+"1, "+strong+"2",
		"SESSION_IDLE", "0", "SESSION_MAX", "1h30m", "STORE_GRACE", "2m", "TRUSTED_PROXIES", "10.0.0.0/8, 192.168.1.7,::ffff:172.16.0.0/108,::ffff:1.2.3.4,fc00::/7,fd00::1,2001:db8::/100",
		"ALLOWED_ORIGINS", "https://A.example:443,http://localhost:3000,https://[0:0::1]:8443", "PUBLIC_PATHS", "GET  /static/,/robots.txt,/a%20b",
		"HEADERS", "iap, X-Who={user}", "SCOPES", "https://a.example/read b,b", "CONNECT_SCOPES", " c:d, e", "TOKEN_HEADER", "x-my-token", "NOTICE", "true", "NAME", " Zoë's ", "LOGO", logo, "SIGN_IN_PAGE", "true", "DRAIN", "0s", "LOG_LEVEL", "debug", "LOG_FORMAT", "json",
	)
	want := Config{
		Upstream:    &url.URL{Scheme: "unix", Path: "/run/app.sock"},
		Public:      &url.URL{Scheme: "https", Host: "app.example.com"},
		Listen:      ":8080",
		AdminListen: "[::1]:9000",
		Provider:    Provider{Title: "login.example.com", Issuer: "https://login.example.com/realm/", ClientID: "id", ClientSecret: NewSecret(strong), Scopes: []string{"https://a.example/read", "b"}, Connect: []string{"c:d", "e"}, GroupsClaim: "teams"},
		Groups:      Groups{GoogleKey: key, GoogleCustomer: "C046psxkn", TTL: 90 * time.Second},
		Access: Access{
			Domains: []string{"example.com", "b.example"}, Emails: []string{"Ann@example.com", "bob@xn--bcher-kva.example"},
			EmailsFile: emails, Groups: []string{"/staff", "R&D, 100%"}, RolesFile: roles, Anyone: true, DomainClaim: "hd",
		},
		Session: Session{
			Store:   Store{Kind: StoreRedis, URL: NewSecret("rediss://:pw@a:1,b:2/0")},
			Secrets: []Secret{NewSecret(strong + "1"), NewSecret(strong + "2")}, Max: 90 * time.Minute, Grace: 2 * time.Minute,
		},
		Proxy: Proxy{
			Trusted: []netip.Prefix{
				netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.7/32"),
				netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("1.2.3.4/32"), netip.MustParsePrefix("fc00::/7"),
				netip.MustParsePrefix("fd00::1/128"), netip.MustParsePrefix("2001:db8::/100"),
			},
			Origins:     []string{"https://a.example", "http://localhost:3000", "https://[::1]:8443"},
			App:         "auto",
			PublicPaths: []PathRule{{"GET", "/static/"}, {"", "/robots.txt"}, {"", "/a%20b"}},
			Headers:     []HeaderRule{{Preset: "iap"}, {Name: "X-Who", Value: []HeaderPart{{Placeholder: "user"}}}},
			TokenHeader: "X-My-Token",
			Notice:      true,
		},
		Pages: Pages{Name: "Zoë's", Logo: Image{logo, "image/svg+xml", []byte(svg)}, SignInPage: true},
		Log:   Log{Level: slog.LevelDebug, Format: "json"},
	}
	if got := mustParse(t, s); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestAcceptedForms(t *testing.T) {
	for _, tt := range []struct {
		set  []string
		got  func(Config) string
		want string
	}{
		{[]string{"UPSTREAM", "unix:///run/app.sock"}, func(c Config) string { return c.Upstream.Path }, "/run/app.sock"},
		{[]string{"UPSTREAM", "https://my_app:8501/"}, func(c Config) string { return c.Upstream.String() }, "https://my_app:8501"},
		{[]string{"UPSTREAM", "http://other:8080"}, func(c Config) string { return c.Upstream.Host }, "other:8080"},
		{[]string{"PUBLIC_URL", "http://[::1]:80"}, func(c Config) string { return c.Public.String() }, "http://[::1]"},
		{[]string{"PUBLIC_URL", "http://127.9.9.9:1"}, func(c Config) string { return c.Public.String() }, "http://127.9.9.9:1"},
		{[]string{"PUBLIC_URL", "https://10.0.0.1", "ISSUER", "https://idp.example"}, func(c Config) string { return c.Public.Host }, "10.0.0.1"},
		{[]string{"ISSUER", "http://127.0.0.1:9/x"}, func(c Config) string { return c.Provider.Issuer + c.Access.DomainClaim }, "http://127.0.0.1:9/xemail"},
		{[]string{"ISSUER", "https://idp.example", "ALLOWED_DOMAINS", "gmail.com"}, func(c Config) string { return c.Access.Domains[0] }, "gmail.com"},
		{[]string{"SESSION_STORE", "file:///data/s.db"}, func(c Config) string { return string(c.Session.Store.Kind) + c.Session.Store.Path }, "file/data/s.db"},
		{[]string{"SESSION_STORE", "file:s.db"}, func(c Config) string { return c.Session.Store.Path }, "s.db"},
		{[]string{"LISTEN", "localhost:0", "ADMIN_LISTEN", "localhost:0"}, func(c Config) string { return c.Listen }, "localhost:0"},
		{[]string{"CLIENT_SECRET", "", "CLIENT_SECRET_FILE", file(t, " s \r\n")}, func(c Config) string { return c.Provider.ClientSecret.Reveal() }, "s"},
		{[]string{"SECRET_FILE", file(t, strong+"\n")}, func(c Config) string { return c.Session.Secrets[0].Reveal() }, strong},
		{[]string{"SESSION_STORE_FILE", file(t, "redis://h\n"), "SECRET", strong}, func(c Config) string { return c.Session.Store.URL.Reveal() }, "redis://h"},
	} {
		if got := tt.got(mustParse(t, minimal().with(tt.set...))); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.set, got, tt.want)
		}
	}
}

// SEC-CFG-01: one start shows all there is to mend.
func TestOneStartShowsEveryFault(t *testing.T) {
	t.Setenv("SIDEGATE_ALOWED_DOMAINS", "example.com")
	for name, value := range map[string]string{
		"PUBLIC_URL": "http://app.example.com", "LISTEN": "8080", "ADMIN_LISTEN": "x", "ISSUER": "http://idp.example",
		"ALLOWED_DOMAINS": ",", "ALLOWED_EMAILS": "ann", "ALLOWED_EMAILS_FILE": "/nowhere/emails", "ALLOW_ANYONE": "yes",
		"ALLOWED_GROUPS": "*", "GOOGLE_GROUPS_JSON": "/nowhere/key", "GOOGLE_CUSTOMER": "my_customer", "GROUPS_TTL": "0s", "ROLES_FILE": "/nowhere/roles",
		"DOMAIN_CLAIM": "org", "SESSION_STORE": "postgres://x", "SECRET": "short", "SESSION_IDLE": "-1s", "SESSION_MAX": "7d", "STORE_GRACE": "1",
		"TRUSTED_PROXIES": "0.0.0.0/0", "ALLOWED_ORIGINS": "*", "PUBLIC_PATHS": "/", "APP": "excel", "DRAIN": "10", "LOG_LEVEL": "loud", "LOG_FORMAT": "xml",
	} {
		t.Setenv("SIDEGATE_"+name, value)
	}
	_, err := Load()
	got := slices.Sorted(slices.Values(faultNames(err)))
	want := []string{
		"ADMIN_LISTEN", "ALLOWED_DOMAINS", "ALLOWED_EMAILS", "ALLOWED_EMAILS_FILE", "ALLOWED_GROUPS", "ALLOWED_ORIGINS", "ALLOW_ANYONE", "ALOWED_DOMAINS", "APP",
		"CLIENT_ID", "CLIENT_SECRET", "DOMAIN_CLAIM", "DRAIN", "GOOGLE_CUSTOMER", "GOOGLE_GROUPS_JSON", "GROUPS_TTL", "ISSUER", "LISTEN", "LOG_FORMAT", "LOG_LEVEL", "PUBLIC_PATHS",
		"PUBLIC_URL", "ROLES_FILE", "SECRET", "SESSION_IDLE", "SESSION_MAX", "SESSION_STORE", "STORE_GRACE", "TRUSTED_PROXIES", "UPSTREAM",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q\n%v", got, want, err)
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != len(want) {
		t.Errorf("got %d lines for %d faults:\n%v", lines, len(want), err)
	}
}

func TestNothingSetIsRefused(t *testing.T) {
	c, err := Raw{}.Parse()
	want := []string{"CLIENT_ID", "CLIENT_SECRET", "ALLOWED_DOMAINS", "UPSTREAM"}
	if got := faultNames(err); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !reflect.DeepEqual(c, Config{}) {
		t.Errorf("a Config came with the error: %+v", c)
	}
	if _, ok := errors.AsType[*Fault](err); !ok {
		t.Error("the error holds no Fault")
	}
}
