// Package config turns the environment into a typed, validated Config, once, at
// the start. Everything after it works with values that are known to be right:
// the zero Config serves nobody, and no other package looks at the environment.
//
// Reading has two steps. FromEnv fills a Raw, which is only strings; Raw.Parse
// checks it and reads the files it names. Whoever starts sidegate from code
// builds a Raw and calls Parse, so both ways pass the same checks.
//
// All faults come in one error, one line each: the variable, what is wrong, an
// example of right. No line repeats a secret, a URL (which may carry a password)
// or an error text of a parser (which would quote its input).
package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"time"
)

// GoogleIssuer is Google's issuer as its ID tokens and discovery document spell
// it. Some rules hold for Google alone.
const GoogleIssuer = "https://accounts.google.com"

const callbackPath = "/_gate/callback"

// Config is what one sidegate process runs with.
type Config struct {
	Upstream    *url.URL      // the app: http, https, or unix with a path
	Public      *url.URL      // our own origin: scheme and canonical host, no path
	Listen      string        // host:port browsers reach
	AdminListen string        // host:port of the private listener
	Provider    Provider      // who signs people in
	Further     []Further     // who does so as well
	Access      Access        // who may pass, and in which roles
	Groups      Groups        // where people's groups come from
	Session     Session       // how sessions are kept
	Proxy       Proxy         // what the network around us may do
	Pages       Pages         // how our own pages look
	Drain       time.Duration // how long a stopping process waits; 0: not at all
	Log         Log
	EnvFile     string // with settings, that was read; empty: none
}

// Provider is the OpenID provider, and our client there.
type Provider struct {
	Title        string // on its button, where people choose
	Issuer       string // byte for byte as configured: a trailing slash matters (OpenID Connect Discovery 4.3)
	Google       bool   // Issuer is GoogleIssuer
	ClientID     string
	ClientSecret Secret
	Scopes       []string // of APIs, asked for at each sign-in
	Connect      []string // that a page may ask for
	GroupsClaim  string   // of the ID token
}

// Access says who may pass. Rules are OR; the zero Access admits nobody.
type Access struct {
	Domains     []string // lower-case ASCII, no trailing dot
	Emails      []string // as written, trimmed
	EmailsFile  string   // path; it was readable at the start, its content is not checked here
	Groups      []string // names as they are, not as the list writes them
	RolesFile   string   // path; as EmailsFile
	Anyone      bool     // every account of the provider
	DomainClaim string   // "hd" or "email": what Domains is compared with
}

// Session says where sessions live and for how long.
type Session struct {
	Store   Store
	Secrets []Secret      // newest first; empty: see OpenSecrets
	Idle    time.Duration // 0: no idle limit
	Max     time.Duration // always positive
	Grace   time.Duration // how long a known session is served while the store cannot be asked
}

// StoreKind is a technology that keeps sessions.
type StoreKind string

const (
	StoreMemory StoreKind = "memory" // gone at a restart
	StoreFile   StoreKind = "file"   // embedded, one process
	StoreRedis  StoreKind = "redis"  // shared by replicas
)

// Store is where sessions are kept.
type Store struct {
	Kind StoreKind
	Path string // of StoreFile
	URL  Secret // of StoreRedis, as configured: it may carry a password
}

// Proxy is what we accept from the network, what is open without a session, what
// the app is, what it is told, and whether its pages say when the session has ended.
type Proxy struct {
	App         string         // one of AppNames
	Trusted     []netip.Prefix // peers whose X-Forwarded-For counts; IPv4 never in its mapped form
	Origins     []string       // besides our own; canonical, so compare bytes
	PublicPaths []PathRule
	Headers     []HeaderRule // that tell the app who somebody is
	TokenHeader string       // canonical; empty: none
	Notice      bool
}

// PathRule opens one path without login, or all below it when Path ends in "/".
type PathRule struct {
	Method string // empty: any
	Path   string // to be compared with the very bytes that are forwarded
}

// Log says how to log.
type Log struct {
	Level  slog.Level
	Format string // "text", "json", or empty: text on a terminal, else json
}

// RedirectURI is the address the provider sends people back to. It has to be
// registered there letter by letter.
func (c Config) RedirectURI() string { return redirectURI(c.Public) }

// RedirectURI is the redirect URI that follows from a public URL; "" if that is none.
func RedirectURI(publicURL string) string {
	u, problem := parseOrigin(publicURL)
	if problem != "" {
		return ""
	}
	return redirectURI(u)
}

func redirectURI(public *url.URL) string {
	return public.Scheme + "://" + public.Host + callbackPath
}

// Load reads and checks the settings of this process, see FromEnv. Calling it again reads
// everything anew, files as well, which is how changed secrets are noticed.
func Load() (Config, error) {
	raw, err := FromEnv()
	c, faults := raw.Parse()
	if err := Join(err, faults); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Fault is one mistake in the settings. Errors of this package are Faults,
// joined; print them as they are, no line holds a secret.
type Fault struct {
	Name    string // the variable
	Problem string // what is wrong with it, never a secret's value
	Example string // of right

	whole bool // a file with settings was not read at all
}

func (f *Fault) Error() string {
	if f.Example == "" {
		return fmt.Sprintf("%s %s", f.Name, f.Problem)
	}
	return fmt.Sprintf("%s %s. Example: %s=%s", f.Name, f.Problem, f.Name, f.Example)
}
