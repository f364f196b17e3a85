package config

import (
	"bytes"
	"net/url"
	"path"
	"strings"
	"testing"
)

func describe(t *testing.T, s settings) string {
	t.Helper()
	var b bytes.Buffer
	if err := mustParse(t, s).Describe(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDescribeShowsEverySettingAsItIsWritten(t *testing.T) {
	emails, roles, key := file(t, "ann@example.com\n"), file(t, "admin: ann@example.com\n"), file(t, "{}")
	logo := file(t, svg)
	s := settings{
		"UPSTREAM": "unix:/run/app.sock", "PUBLIC_URL": "https://app.example.com", "LISTEN": ":8080", "ADMIN_LISTEN": "127.0.0.1:9",
		"ISSUER": "https://idp.example/", "CLIENT_ID": "id", "CLIENT_SECRET": "s", "ALLOWED_DOMAINS": "a.example,b.example",
		"ALLOWED_EMAILS": "a@b.example", "ALLOWED_EMAILS_FILE": emails, "ALLOW_ANYONE": "true", "DOMAIN_CLAIM": "email",
		"ALLOWED_GROUPS": "staff@a.example,R&D%2C 100%25", "GROUPS_CLAIM": "teams", "GOOGLE_GROUPS_JSON": key, "GOOGLE_CUSTOMER": "C046psxkn",
		"GROUPS_TTL": "5m0s", "ROLES_FILE": roles,
		"SESSION_STORE": "file:/data/s.db", "SECRET": strong + "," + strong, "SESSION_IDLE": "1h0m0s", "SESSION_MAX": "2h0m0s", "STORE_GRACE": "30s",
		"TRUSTED_PROXIES": "10.0.0.0/8,1.2.3.4/32", "ALLOWED_ORIGINS": "https://x.example", "PUBLIC_PATHS": "GET /static/,/robots.txt",
		"APP": "streamlit", "HEADERS": "sidegate,grafana,X-Who={name:utf8} ({email}),X-Fixed=1", "SCOPES": "https://a.example/read,b", "CONNECT_SCOPES": "c:d", "TOKEN_HEADER": "X-My-Token", "NOTICE": "true", "NAME": "Sales & more", "LOGO": logo, "SIGN_IN_PAGE": "true", "DRAIN": "3s", "LOG_LEVEL": "warn", "LOG_FORMAT": "text", "ENV_FILE": "/etc/sidegate.env",
	}
	got := describe(t, s)
	masked := s.with("CLIENT_SECRET", mask, "SECRET", mask+","+mask)
	for _, setting := range Settings() {
		name := strings.TrimPrefix(setting.Name, "SIDEGATE_")
		if name == "CLIENT_JSON" { // shown as what it held
			continue
		}
		if want := setting.Name + "=" + masked[name] + "\n"; !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if want := "redirect URI to register at the provider: https://app.example.com/_gate/callback\n"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

func TestDescribeSaysWhereTheSecretComesFrom(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"SESSION_STORE", "memory:", "generated at every start"},
		{"SESSION_STORE", "file:/data/s.db", "kept in /data/s.db.key"},
		{"ALLOW_ANYONE", "true", "# warning: every account"},
		{"TOKEN_HEADER", "X-Token", "none is sent"},
	} {
		if got := describe(t, minimal().with(tt.name, tt.value)); !strings.Contains(got, tt.want) {
			t.Errorf("no %q in\n%s", tt.want, got)
		}
	}
	for _, scheme := range []string{"redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"} {
		got := describe(t, minimal().with("SECRET", strong, "SESSION_STORE", scheme+"://:pw@h/m?sentinel_password=pw2"))
		if !strings.Contains(got, "SIDEGATE_SESSION_STORE="+scheme+"://[secret]\n") || strings.Contains(got, "pw") {
			t.Errorf("got %s", got)
		}
	}
}

// SEC-CFG-04, SEC-SESS-06: what is allowed but risky is said at the start.
func TestWarningsComeWithTheirCause(t *testing.T) {
	quiet := settings{
		"UPSTREAM": "http://127.0.0.1:8501", "PUBLIC_URL": "https://app.example.com", "CLIENT_ID": "id", "CLIENT_SECRET": "s",
		"ALLOWED_DOMAINS": "example.com", "SESSION_STORE": "file:/data/s.db",
	}
	if got := mustParse(t, quiet).Warnings(); got != nil {
		t.Errorf("without a cause: got %q", got)
	}
	for _, tt := range []struct{ name, value, want string }{
		{"UPSTREAM", "http://app:8501", "plain http over a network"},
		{"UPSTREAM", "https://app:8501", ""},
		{"UPSTREAM", "unix:/run/app.sock", ""},
		{"UPSTREAM", "http://[::1]:8501", ""},
		{"PUBLIC_URL", "http://localhost:8080", "good for browsers on this machine only"},
		{"ADMIN_LISTEN", ":8081", "private listener is open"},
		{"ADMIN_LISTEN", "0.0.0.0:8081", "private listener is open"},
		{"ADMIN_LISTEN", "localhost:8081", ""},
		{"ALLOW_ANYONE", "true", "every account"},
		{"DOMAIN_CLAIM", "email", "consumer Google account"},
		{"SESSION_STORE", "memory:", "a restart signs everyone out"},
		{"PUBLIC_PATHS", "/_stcore/health", "Streamlit's own channel"},
		{"PUBLIC_PATHS", "/base/_stcore/host-config", "Streamlit's own channel"},
		{"PUBLIC_PATHS", "GET /_stcore/", "Streamlit's own channel"},
		{"PUBLIC_PATHS", "/static/", ""},
	} {
		set := settings{}
		for name, value := range quiet {
			set[name] = value
		}
		got := mustParse(t, set.with(tt.name, tt.value)).Warnings()
		if tt.want == "" && got != nil || tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)) {
			t.Errorf("%s=%s: got %q, want %q", tt.name, tt.value, got, tt.want)
		}
	}
}

// Somebody who moves the listener and forgets the public URL is sent to a port on
// which nobody listens.
func TestPublicPortThatIsNotTheListenersIsNoticed(t *testing.T) {
	for _, tt := range []struct {
		public, listen string
		want           bool
	}{
		{"http://localhost:8080", "127.0.0.1:9000", true},
		{"http://localhost", "127.0.0.1:9000", true},
		{"http://localhost:9000", "127.0.0.1:9000", false},
		{"http://localhost", "127.0.0.1:80", false},
		{"http://localhost:8080", ":9000", false}, // a container's port is published as another
		{"https://app.example.com", "127.0.0.1:9000", false},
	} {
		c := mustParse(t, minimal().with("PUBLIC_URL", tt.public, "LISTEN", tt.listen))
		if got := strings.Contains(strings.Join(c.Warnings(), "\n"), "another port"); got != tt.want {
			t.Errorf("%s, %s: noticed %v, want %v", tt.public, tt.listen, got, tt.want)
		}
	}
}

func TestGooglesFileGivesTheClient(t *testing.T) {
	const web = `{"web":{"client_id":"j","client_secret":"s","project_id":"p"`
	for _, tt := range []struct{ json, id, secret string }{
		{web + `}}`, "", ""},
		{web + `}}`, "j", ""},
		{web + `}}`, "j", "s"},
		{web + `},"installed":{"client_id":"x"}}`, "", ""},
		{web + `,"redirect_uris":["https://x.example/cb","http://localhost:8080/_gate/callback"]}}`, "", ""},
	} {
		c := mustParse(t, minimal().with("CLIENT_ID", tt.id, "CLIENT_SECRET", tt.secret, "CLIENT_JSON", file(t, tt.json)))
		if got, want := c.Provider.ClientID+c.Provider.ClientSecret.Reveal(), "js"; got != want {
			t.Errorf("%s: got %q, want %q", tt.json, got, want)
		}
	}
}

func FuzzOriginIsCanonical(f *testing.F) {
	for _, tt := range urlFaults() {
		f.Add(tt.set[1])
	}
	f.Add("HTTPS://App.Example.com:443/")
	f.Add("http://[0:0::1]:80")
	f.Fuzz(func(t *testing.T, value string) {
		u, problem := parseOrigin(value)
		if problem != "" {
			return
		}
		again, problem := parseOrigin(u.String())
		if problem != "" || again.String() != u.String() {
			t.Errorf("%q became %q, and that %v (%s)", value, u, again, problem)
		}
		if u.Host == "" || u.Host != strings.ToLower(u.Host) || u.Path != "" || u.User != nil {
			t.Errorf("%q became %#v", value, u)
		}
	})
}

func FuzzPublicPathHasOneReading(f *testing.F) {
	for _, tt := range networkFaults() {
		f.Add(tt.set[1])
	}
	f.Add("/static/")
	f.Fuzz(func(t *testing.T, value string) {
		if pathProblem(PathRule{Path: value}) != "" {
			return
		}
		decoded, err := url.PathUnescape(value)
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		if got, want := path.Clean(decoded), strings.TrimSuffix(decoded, "/"); got != want {
			t.Errorf("%q is read as %q by one, as %q by another", value, want, got)
		}
	})
}
