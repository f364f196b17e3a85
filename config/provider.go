package config

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// name is what the main provider's button says.
func (c Provider) name() string {
	u, err := url.Parse(c.Issuer)
	if c.Google || err != nil {
		return "Google"
	}
	return u.Host
}

// atGoogle reports whether Google is among the providers.
func (c Config) atGoogle() bool {
	return c.Provider.Google || slices.ContainsFunc(c.Further, func(f Further) bool { return f.Google })
}

// issuer checks a provider's address and returns it byte for byte.
func (p *parser) issuer(name, value string) string {
	u, problem := parseURL(value)
	switch {
	case problem != "":
		p.fault(name, "%s", problem)
	case strings.HasSuffix(u.Path, "/.well-known/openid-configuration"):
		p.fault(name, "is the address of the discovery document; leave /.well-known/openid-configuration off")
	case u.Host == "accounts.google.com" && value != GoogleIssuer:
		// Nearly Google would be another provider to us, judged by weaker rules.
		p.fault(name, "is Google's, but not as Google writes it")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		p.fault(name, "has to be https: whoever sits on the way could sign in as anybody; plain http is for loopback")
	default:
		return value
	}
	return ""
}

// publicURL checks our own origin.
func (p *parser) publicURL(value string, google bool) *url.URL {
	u, problem := parseOrigin(value)
	if problem == "" && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		problem = "has to be https: the session cookie would travel in clear; plain http is for localhost"
	}
	if problem == "" && google {
		problem = googleRefuses(u.Hostname())
	}
	if problem != "" {
		p.fault("PUBLIC_URL", "%s", problem)
		return nil
	}
	return u
}

// googleRefuses says why Google would not register a redirect URI on host; the
// loopback is exempt from its rules.
func googleRefuses(host string) (problem string) {
	const instead = "; use a real domain with TLS, a tunnel with a public name, or http://localhost:8080 through SSH port forwarding"
	if isLoopback(host) {
		return ""
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return "is an IP address, which Google refuses in a redirect URI" + instead
	}
	if strings.HasSuffix("."+host, ".googleusercontent.com") {
		return "is under googleusercontent.com, which Google refuses in a redirect URI" + instead
	}
	top := host[strings.LastIndex(host, ".")+1:]
	private := []string{
		"arpa", "corp", "example", "home", "internal", "intranet", "invalid",
		"lan", "local", "localdomain", "localhost", "onion", "private", "test",
	}
	if top == host || slices.Contains(private, top) {
		return "has no public top-level domain, which Google demands of a redirect URI" + instead
	}
	return ""
}

// client returns our client id and secret, from their own settings or from
// Google's file.
func (p *parser) client(r Raw, public *url.URL) (string, Secret) {
	if r.ClientJSON != "" {
		file := p.clientFile(r.ClientJSON, public)
		if file == nil {
			return "", Secret{}
		}
		if r.ClientID != "" && r.ClientID != file.ID {
			p.fault("CLIENT_ID", "differs from the client_id in %s_CLIENT_JSON; set one of the two", prefix)
		}
		if r.ClientSecret != "" && r.ClientSecret != file.Secret {
			p.fault("CLIENT_SECRET", "differs from the client_secret in %s_CLIENT_JSON; set one of the two", prefix)
		}
		return file.ID, NewSecret(file.Secret)
	}
	const orFile = "and there is no " + prefix + "_CLIENT_JSON either"
	if r.ClientID == "" && !p.faulty("CLIENT_ID", "CLIENT_JSON") {
		p.fault("CLIENT_ID", "is not set, %s", orFile)
	}
	if r.ClientSecret == "" && !p.faulty("CLIENT_SECRET", "CLIENT_SECRET_FILE", "CLIENT_JSON") {
		p.fault("CLIENT_SECRET", "is not set, %s", orFile)
	}
	return r.ClientID, NewSecret(r.ClientSecret)
}

// googleClient is the part of Google's client_secret_….json that we need.
type googleClient struct {
	ID        string   `json:"client_id"`
	Secret    string   `json:"client_secret"`
	Redirects []string `json:"redirect_uris"`
}

// clientFile reads Google's file. It repeats no error of the JSON decoder, which
// quotes what it reads.
func (p *parser) clientFile(path string, public *url.URL) *googleClient {
	if strings.HasPrefix(path, "{") {
		p.fault("CLIENT_JSON", "is the content of the file; give its path")
		return nil
	}
	content, problem := readFile(path)
	if problem != "" {
		p.fault("CLIENT_JSON", "names the file %q, which %s", path, problem)
		return nil
	}
	var file struct {
		Web       *googleClient `json:"web"`
		Installed *googleClient `json:"installed"`
	}
	err := json.Unmarshal([]byte(content), &file)
	switch web := file.Web; {
	case web == nil && file.Installed != nil:
		p.fault("CLIENT_JSON", "names the file %q, which is of a desktop client; create one of the type Web application", path)
	case err != nil || web == nil || web.ID == "" || web.Secret == "":
		p.fault("CLIENT_JSON", "names the file %q, which is not the JSON of an OAuth client (web, with client_id and client_secret)", path)
	case public != nil && web.Redirects != nil && !slices.Contains(web.Redirects, redirectURI(public)):
		p.fault("CLIENT_JSON", "names the file %q, in which a redirect URI is missing; add this line to the client's "+
			"authorised redirect URIs, then download the file again: %s", path, redirectURI(public))
	default:
		return web
	}
	return nil
}
