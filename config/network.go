package config

import (
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sidegate/explain"
)

func (p *parser) listeners(r Raw) (public, admin string) {
	public = p.listener("LISTEN", r.Listen)
	admin = p.listener("ADMIN_LISTEN", r.AdminListen)
	if public == admin && public != "" && !strings.HasSuffix(public, ":0") {
		p.fault("ADMIN_LISTEN", "is the same as %s_LISTEN; the private listener must be apart", prefix)
	}
	return public, admin
}

func (p *parser) listener(name, value string) string {
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		p.fault(name, "is not host:port (:8080 is every address of this machine)")
		return ""
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		p.fault(name, "has a port that is not between 0 and 65535")
		return ""
	}
	if _, problem := canonicalHost(host); host != "" && problem != "" {
		p.fault(name, "%s", problem)
		return ""
	}
	return value
}

// upstream checks where the app is.
func (p *parser) upstream(value, listen string) *url.URL {
	if value == "" {
		if !p.faulty("UPSTREAM") {
			p.fault("UPSTREAM", "is not set: there is no app to forward to")
		}
		return nil
	}
	if scheme, path, ok := strings.Cut(value, ":"); ok && scheme == "unix" {
		path = strings.TrimPrefix(path, "//")
		if !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") {
			p.fault("UPSTREAM", "has to name a socket by its absolute path: unix:/run/app.sock")
			return nil
		}
		return &url.URL{Scheme: "unix", Path: path}
	}
	u, problem := parseOrigin(value)
	if problem == "" && isOwnListener(u, listen) {
		problem = "is sidegate's own listener, so requests would go round in circles"
	}
	if problem != "" {
		p.fault("UPSTREAM", "%s", problem)
		return nil
	}
	return u
}

func isOwnListener(u *url.URL, listen string) bool {
	host, port, _ := net.SplitHostPort(listen)
	if port != portOf(u) || !isLoopback(u.Hostname()) {
		return false
	}
	ip, _ := netip.ParseAddr(host)
	return host == "" || isLoopback(host) || ip.IsUnspecified()
}

// origins parses what a browser sends in Origin, so that comparing bytes is enough.
func (p *parser) origins(value string) []string {
	var origins []string
	for i, entry := range p.list("ALLOWED_ORIGINS", value) {
		u, problem := parseOrigin(entry)
		switch {
		case entry == "null":
			problem = "is null, the origin of sandboxed pages of anybody"
		case strings.Contains(entry, "*"):
			problem = "has a wildcard; list each origin"
		case strings.HasSuffix(entry, "/"):
			problem = "must not have a path, not even a slash at the end"
		case problem == "" && u.Scheme == "http" && !isLoopback(u.Hostname()):
			problem = "has to be https: whoever sits on the way could be that origin"
		}
		if problem != "" {
			p.fault("ALLOWED_ORIGINS", "has a wrong entry (number %d): it %s", i+1, problem)
			continue
		}
		origins = append(origins, u.Scheme+"://"+u.Host)
	}
	return origins
}

func (p *parser) trustedProxies(value string) []netip.Prefix {
	var trusted []netip.Prefix
	for _, entry := range p.list("TRUSTED_PROXIES", value) {
		network, problem := parseNetwork(entry)
		if problem != "" {
			p.fault("TRUSTED_PROXIES", "holds %s, %s", quote(entry), problem)
			continue
		}
		trusted = append(trusted, network)
	}
	return trusted
}

// parseNetwork parses a network or a single address. IPv4 in its IPv6-mapped form
// becomes IPv4, since that is how peers are compared (SEC-FWD-08).
func parseNetwork(entry string) (network netip.Prefix, problem string) {
	if ip, err := netip.ParseAddr(entry); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		network = netip.PrefixFrom(ip, ip.BitLen())
	} else if network, err = netip.ParsePrefix(entry); err != nil {
		return netip.Prefix{}, "which is neither a network such as 10.0.0.0/8 nor an IP address"
	}
	if network.Addr().Is4In6() { // fewer than 96 bits are no network then, and refused below
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	// 8 bits admit 10.0.0.0/8, 7 bits fc00::/7: nobody's own network is wider.
	least := 7
	if network.Addr().Is4() {
		least = 8
	}
	switch {
	case network.Bits() < least:
		return netip.Prefix{}, "which trusts the whole internet: any client could write its own address into X-Forwarded-For"
	case network != network.Masked():
		return netip.Prefix{}, "which has bits beyond its mask; write " + network.Masked().String() +
			", or " + network.Addr().String() + " for the one address"
	}
	return network, ""
}

// AppNames are the values of APP: the presets, and two that are none.
func AppNames() []string {
	return []string{
		"auto", "none", "airflow", "bokeh", "dash", "gradio", "grafana", "jupyter", "marimo", "metabase", "nicegui",
		"panel", "shiny", "shiny-python", "solara", "streamlit", "superset", "voila",
	}
}

func (p *parser) app(value string) string {
	if !slices.Contains(AppNames(), value) {
		p.fault("APP", "is none of the known ones; the nearest is %s. Known are: %s", explain.NearestOf(value, AppNames()), strings.Join(AppNames(), ", "))
	}
	return value
}

func (p *parser) log(r Raw) Log {
	l := Log{Format: r.LogFormat}
	switch r.LogLevel {
	case "debug":
		l.Level = slog.LevelDebug
	case "info":
		l.Level = slog.LevelInfo
	case "warn":
		l.Level = slog.LevelWarn
	case "error":
		l.Level = slog.LevelError
	default:
		p.fault("LOG_LEVEL", "is none of debug, info, warn and error")
	}
	if l.Format != "" && l.Format != "text" && l.Format != "json" {
		p.fault("LOG_FORMAT", "is neither text nor json")
	}
	return l
}
