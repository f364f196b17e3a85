package config

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Describe prints the effective configuration as NAME=value lines, secrets masked,
// with what else is worth knowing as # comments.
func (c Config) Describe(w io.Writer) error {
	var b strings.Builder
	rows := c.rows()
	for _, f := range c.Further {
		rows = append(rows, f.rows()...)
	}
	for _, row := range rows {
		fmt.Fprintf(&b, "%s_%s=%s\n", prefix, row[0], row[1])
	}
	fmt.Fprintf(&b, "# redirect URI to register at the provider: %s\n", c.RedirectURI())
	for _, f := range c.Further {
		fmt.Fprintf(&b, "# redirect URI to register at %s: %s\n", f.Name, c.FurtherRedirectURI(f.Name))
	}
	if len(c.Session.Secrets) == 0 {
		fmt.Fprintf(&b, "# %s_SECRET: %s\n", prefix, c.Session.generated())
	}
	for _, warning := range c.Warnings() {
		fmt.Fprintf(&b, "# warning: %s\n", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c Config) rows() [][2]string {
	return [][2]string{
		{"UPSTREAM", showUpstream(c.Upstream)},
		{"PUBLIC_URL", c.Public.String()},
		{"LISTEN", c.Listen},
		{"ADMIN_LISTEN", c.AdminListen},
		{"ISSUER", c.Provider.Issuer},
		{"CLIENT_ID", c.Provider.ClientID},
		{"CLIENT_SECRET", c.Provider.ClientSecret.String()},
		{"PROVIDERS", joined(c.Further, func(f Further) string { return f.Name })},
		{"ALLOWED_DOMAINS", strings.Join(c.Access.Domains, ",")},
		{"ALLOWED_EMAILS", strings.Join(c.Access.Emails, ",")},
		{"ALLOWED_EMAILS_FILE", c.Access.EmailsFile},
		{"ALLOWED_GROUPS", joined(c.Access.Groups, showGroup)},
		{"ALLOW_ANYONE", strconv.FormatBool(c.Access.Anyone)},
		{"DOMAIN_CLAIM", c.Access.DomainClaim},
		{"GROUPS_CLAIM", c.Provider.GroupsClaim},
		{"GOOGLE_GROUPS_JSON", c.Groups.GoogleKey},
		{"GOOGLE_CUSTOMER", c.Groups.GoogleCustomer},
		{"GROUPS_TTL", c.Groups.TTL.String()},
		{"ROLES_FILE", c.Access.RolesFile},
		{"SESSION_STORE", c.Session.Store.describe()},
		{"SECRET", joined(c.Session.Secrets, Secret.String)},
		{"SESSION_IDLE", c.Session.Idle.String()},
		{"SESSION_MAX", c.Session.Max.String()},
		{"STORE_GRACE", c.Session.Grace.String()},
		{"TRUSTED_PROXIES", joined(c.Proxy.Trusted, netip.Prefix.String)},
		{"ALLOWED_ORIGINS", strings.Join(c.Proxy.Origins, ",")},
		{"APP", c.Proxy.App},
		{"PUBLIC_PATHS", joined(c.Proxy.PublicPaths, PathRule.String)},
		{"HEADERS", joined(c.Proxy.Headers, HeaderRule.String)},
		{"SCOPES", strings.Join(c.Provider.Scopes, ",")},
		{"CONNECT_SCOPES", strings.Join(c.Provider.Connect, ",")},
		{"TOKEN_HEADER", c.Proxy.TokenHeader},
		{"NOTICE", strconv.FormatBool(c.Proxy.Notice)},
		{"NAME", c.Pages.Name},
		{"LOGO", c.Pages.Logo.Path},
		{"SIGN_IN_PAGE", strconv.FormatBool(c.Pages.SignInPage)},
		{"DRAIN", c.Drain.String()},
		{"LOG_LEVEL", strings.ToLower(c.Log.Level.String())},
		{"LOG_FORMAT", c.Log.Format},
		{"ENV_FILE", c.EnvFile},
	}
}

// listenPort returns the port of a listener's address, which was checked.
func listenPort(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

func joined[T any](list []T, show func(T) string) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = show(v)
	}
	return strings.Join(texts, ",")
}

// String returns the rule as it is written in the setting.
func (r PathRule) String() string { return strings.TrimSpace(r.Method + " " + r.Path) }

func showUpstream(u *url.URL) string {
	if u.Scheme == "unix" {
		return "unix:" + u.Path
	}
	return u.String()
}

// describe shows the kind, and of a Redis address no more than that: its password
// may stand in several places.
func (s Store) describe() string {
	switch s.Kind {
	case StoreFile:
		return "file:" + s.Path
	case StoreRedis:
		scheme, _, _ := strings.Cut(s.URL.Reveal(), ":")
		return scheme + "://" + mask
	}
	return string(s.Kind) + ":"
}

func (s Session) generated() string {
	if s.Store.Kind == StoreFile {
		return "generated once and kept in " + s.Store.Path + ".key"
	}
	return "generated at every start"
}

// Caution is something that is allowed but worth a second look.
type Caution struct {
	Name string // the variable
	Text string // one sentence
}

// Warnings lists the texts of all cautions, to be logged at the start.
func (c Config) Warnings() []string {
	var list []string
	for _, caution := range c.Cautions() {
		list = append(list, caution.Text)
	}
	return list
}

// Cautions lists what is allowed but worth a second look.
func (c Config) Cautions() []Caution {
	var list []Caution
	warn := func(on bool, name, text string) {
		if on {
			list = append(list, Caution{prefix + "_" + name, text})
		}
	}
	u := c.Upstream
	warn(u.Scheme == "http" && !isLoopback(u.Hostname()),
		"UPSTREAM", "the app is reached by plain http over a network: whoever is on it can read and forge who is signed in")
	warn(c.Public.Scheme == "http",
		"PUBLIC_URL", "the public URL is plain http, good for browsers on this machine only; others need https")
	warn(c.Public.Scheme == "http" && isLocalListener(c.Listen) && portOf(c.Public) != listenPort(c.Listen),
		"PUBLIC_URL", "the public URL has another port than the public listener: unless something passes it on, set PUBLIC_URL to where browsers find "+c.Listen)
	warn(!isLocalListener(c.AdminListen),
		"ADMIN_LISTEN", "the private listener is open to other machines: whoever reaches it can list who is signed in, and sign them out")
	warn(c.Access.Anyone,
		"ALLOW_ANYONE", "every account of the provider is let in, whatever else is listed")
	warn(c.Provider.Google && c.Access.DomainClaim == "email" && len(c.Access.Domains) > 0,
		"DOMAIN_CLAIM", "domains are compared with e-mail addresses: a consumer Google account can carry a company's address, and keep it when its owner leaves; hd is safe")
	for _, f := range c.Further {
		warn(!f.Google && len(f.EmailDomains) == 0, strings.ToUpper(f.Name)+"_EMAIL_DOMAINS", fmt.Sprintf(
			"the provider %[2]s is believed of any e-mail address: whoever runs it can sign in as anybody; %[1]s_%[3]s_EMAIL_DOMAINS says whose it may vouch for",
			prefix, f.Name, strings.ToUpper(f.Name)))
	}
	warn(c.Proxy.TokenHeader != "" && len(c.Provider.Scopes)+len(c.Provider.Connect) == 0,
		"TOKEN_HEADER", "there is a header for access tokens, but neither SCOPES nor CONNECT_SCOPES says what they would be for: none is sent")
	warn(!isLocalListener(c.AdminListen) && len(c.Provider.Scopes)+len(c.Provider.Connect) > 0,
		"ADMIN_LISTEN", "the private listener is open to other machines: whoever reaches it with a ticket, which the app has, gets that person's access tokens")
	warn(c.Session.Store.Kind == StoreMemory,
		"SESSION_STORE", "sessions are kept in memory: a restart signs everyone out")
	for _, rule := range c.Proxy.PublicPaths {
		warn(rule.reachesStreamlit(),
			"PUBLIC_PATHS", "the public path "+strconv.Quote(rule.String())+" opens Streamlit's own channel: its pages then take a signed-out browser for a connected one, and never ask it to sign in")
	}
	return list
}
