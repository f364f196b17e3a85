package redisstore

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// The messages say nothing of the URL itself: where a password is not escaped, any
// part of it may be a piece of the password.
var (
	errScheme   = errors.New("redis: the URL must begin with redis://, redis+sentinel:// or redis+cluster://; with TLS, with rediss:// in place of redis:// and so on")
	errForm     = errors.New("redis: the URL must be redis://:PASSWORD@HOST:PORT/NUMBER, the password percent-encoded (/ is %2F, # is %23, ? is %3F, % is %25)")
	errSentinel = errors.New("redis: the URL must be redis+sentinel://:PASSWORD@HOST:PORT,HOST:PORT/NAME/NUMBER with the addresses of sentinels and their name for the primary, the password percent-encoded (/ is %2F, # is %23, ? is %3F, % is %25)")
	errCluster  = errors.New("redis: the URL must be redis+cluster://:PASSWORD@HOST:PORT,HOST:PORT and no more, since a cluster has no numbered databases, the password percent-encoded (/ is %2F, # is %23, ? is %3F, % is %25)")
	errOptions  = errors.New("redis: the URL must not have a query (except sentinel_user and sentinel_password after redis+sentinel://) or a fragment; in a password write %3F for ?, and %23 for #")
	errUserOnly = errors.New("redis: the URL has a user but no password; write redis://:PASSWORD@HOST, or redis://USER:PASSWORD@HOST")
)

// kind is how the servers belong together.
type kind int

const (
	single   kind = iota + 1 // one server
	sentinel                 // one at a time, which the sentinels name
	cluster                  // several, each with a part of the keys
)

// address is what a URL says, but for the credentials, which may change.
type address struct {
	kind kind
	tls  bool
	// hosts are HOST:PORT, joined with commas: of the server, of sentinels, of some
	// nodes of the cluster.
	hosts  string
	master string // the sentinels' name for the primary
	db     int
}

// credentials are empty where none are asked for.
type credentials struct {
	user, password                 string
	sentinelUser, sentinelPassword string
}

// form is the message for a URL of that kind.
func (k kind) form() error {
	return [...]error{errScheme, errForm, errSentinel, errCluster}[k]
}

// parseURL reads a URL. It takes no options, as go-redis would from the query, among
// them skip_verify, which gives sessions to whoever is in between.
func parseURL(raw string) (a address, c credentials, err error) {
	scheme, rest, _ := strings.Cut(raw, "://")
	a.kind, a.tls = parseScheme(scheme)
	if a.kind == 0 {
		return a, c, errScheme
	}
	rest, query, hasQuery := strings.Cut(rest, "?")
	if strings.Contains(raw, "#") || hasQuery && (a.kind != sentinel || !c.parseQuery(query)) {
		return a, c, errOptions
	}
	authority, path, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(authority, "@") + 1
	// What is around the hosts is net/url's to judge, which knows no lists of hosts.
	u, err := url.Parse("redis://" + authority[:at] + "host/" + path)
	if err != nil || u.RawQuery != "" || u.Path != "/"+path {
		return a, c, a.kind.form()
	}
	password, ok := u.User.Password()
	if u.User != nil && !ok {
		return a, c, errUserOnly
	}
	c.user, c.password = u.User.Username(), password
	if !a.parseHosts(authority[at:]) || !a.parsePath(path) {
		return a, c, a.kind.form()
	}
	return a, c, nil
}

func parseScheme(scheme string) (k kind, tls bool) {
	server, kindName, plus := strings.Cut(scheme, "+")
	if server != "redis" && server != "rediss" {
		return 0, false
	}
	tls = server == "rediss"
	switch {
	case !plus:
		return single, tls
	case kindName == "sentinel":
		return sentinel, tls
	case kindName == "cluster":
		return cluster, tls
	}
	return 0, false
}

// parseQuery reads the sentinels' own credentials, for where they are not the servers'.
func (c *credentials) parseQuery(query string) bool {
	values, err := url.ParseQuery(query)
	if err != nil {
		return false
	}
	for name, value := range values {
		if len(value) != 1 || value[0] == "" {
			return false
		}
		switch name {
		case "sentinel_user":
			c.sentinelUser = value[0]
		case "sentinel_password":
			c.sentinelPassword = value[0]
		default:
			return false
		}
	}
	return c.sentinelPassword != ""
}

// parseHosts adds the port where there is none.
func (a *address) parseHosts(list string) bool {
	defaultPort := "6379"
	if a.kind == sentinel {
		defaultPort = "26379"
	}
	var hosts []string
	for host := range strings.SplitSeq(list, ",") {
		u, err := url.Parse("redis://" + host)
		if err != nil || u.Host != host || u.Hostname() == "" {
			return false
		}
		port := u.Port()
		if port == "" {
			port = defaultPort
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
		hosts = append(hosts, net.JoinHostPort(u.Hostname(), port))
	}
	a.hosts = strings.Join(hosts, ",")
	return len(hosts) == 1 || a.kind != single
}

// parsePath reads NUMBER, or NAME/NUMBER after the addresses of sentinels.
func (a *address) parsePath(path string) (ok bool) {
	number := path
	if a.kind == sentinel {
		a.master, number, _ = strings.Cut(path, "/")
		if a.master == "" || strings.ContainsAny(a.master, "% ") {
			return false
		}
	}
	if number == "" {
		return true
	}
	db, err := strconv.ParseUint(number, 10, 16)
	a.db = int(db)
	return err == nil && (db == 0 || a.kind != cluster)
}
