package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// parseURL parses an http or https URL and brings its host into the form browsers
// use in Origin: lower case, IP addresses in their short form, no default port.
// The problem is the end of a sentence and never repeats the URL.
func parseURL(value string) (u *url.URL, problem string) {
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return nil, "is not a URL"
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, "has to start with http:// or https://"
	case u.User != nil:
		return nil, "must not carry a user name or password"
	case u.RawQuery != "" || u.ForceQuery:
		return nil, "must not have a query (?…)"
	case strings.Contains(value, "#"):
		return nil, "must not have a fragment (#…)"
	}
	host, problem := canonicalHost(u.Hostname())
	if problem != "" {
		return nil, problem
	}
	port := u.Port()
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
		return nil, "has a port that is not between 1 and 65535"
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" && port != defaultPort(u.Scheme) {
		host += ":" + port
	}
	u.Host = host
	return u, ""
}

// parseOrigin parses a URL that is only an origin: scheme, host and port.
func parseOrigin(value string) (u *url.URL, problem string) {
	u, problem = parseURL(value)
	if problem == "" && u.Path != "" && u.Path != "/" {
		return nil, "must not have a path; paths pass to the app as they are"
	}
	if problem == "" {
		u.Path, u.RawPath = "", ""
	}
	return u, problem
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return defaultPort(u.Scheme)
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// canonicalHost checks a host name or IP address without port and brackets.
func canonicalHost(host string) (canonical, problem string) {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() == "" {
		return ip.String(), ""
	}
	host = strings.ToLower(host)
	switch {
	case host == "":
		return "", "has no host"
	case !isASCII(host):
		return "", "has a host with letters beyond ASCII; write it as xn--…"
	case !isHostname(host):
		return "", "has a host that is neither a name nor an IP address"
	}
	return host, ""
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c > 0x7f })
}

// isHostname reports whether host is a name and could not be taken for an IP
// address: browsers read a last label of digits, as in 127.1, as IPv4 (WHATWG URL
// 3.5). Underscores are allowed, container networks have them.
func isHostname(host string) bool {
	labels := strings.Split(host, ".")
	for _, label := range labels {
		bad := func(c rune) bool {
			return !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_')
		}
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, bad) ||
			label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x") && len(host) <= 253
}

// isDomain reports whether name, in lower case, is one that an e-mail address or a
// Workspace can have.
func isDomain(name string) bool {
	return isHostname(name) && strings.Contains(name, ".") && !strings.Contains(name, "_")
}

// isLoopback reports whether only this machine can be meant by host. No name but
// localhost: any other is as true as the DNS.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// isLocalListener reports whether a listener on address is reachable from this
// machine alone.
func isLocalListener(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && isLoopback(strings.ToLower(host))
}
