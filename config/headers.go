package config

import (
	"net/http"
	"slices"
	"strings"

	"sidegate/explain"
)

// HeaderRule is one entry of the headers that the app is sent: a preset by its
// name, or a header of one's own.
type HeaderRule struct {
	Preset string // empty: Name and Value hold a header of one's own
	Name   string // in its canonical form
	Value  []HeaderPart
}

// HeaderPart is a piece of a header's value: text as it stands, or what is known
// of the person.
type HeaderPart struct {
	Text        string // printable ASCII; empty with a Placeholder
	Placeholder string // one of HeaderPlaceholders
	Encoding    string // empty or one of HeaderEncodings
}

// HeaderPresets lists the names of the presets. The headers that each stands for
// are known where they are sent.
func HeaderPresets() []string {
	return []string{
		"sidegate", "oauth2-proxy", "iap", "grafana", "authelia", "authentik", "cloudflare", "databricks",
		"pomerium", "shinyproxy", "tailscale",
	}
}

// HeaderPlaceholders lists what can stand in braces.
func HeaderPlaceholders() []string {
	return []string{"email", "user", "domain", "id", "name", "picture", "groups", "roles", "assertion"}
}

// HeaderEncodings lists how text beyond ASCII can be written besides
// percent-encoding.
func HeaderEncodings() []string { return []string{"latin1", "utf8", "rfc2047"} }

// encodes reports whether a placeholder takes an encoding. A list in encoded words
// could be split before it is decoded, or after: the same bytes would be two lists.
func encodes(placeholder, encoding string) bool {
	switch placeholder {
	case "assertion":
		return false
	case "groups", "roles":
		return encoding == "utf8"
	}
	return true
}

// headers parses which headers tell the app who somebody is.
func (p *parser) headers(value string) []HeaderRule {
	var rules []HeaderRule
	own := make(map[string]string) // values by folded name
	for _, entry := range p.list("HEADERS", value) {
		rule, problem := parseHeader(entry)
		folded := foldName(rule.Name)
		before, twice := own[folded]
		switch {
		case problem != "":
			p.fault("HEADERS", "holds %s, %s", quote(entry), problem)
			continue
		case rule.Preset == "" && twice && before != rule.value():
			p.fault("HEADERS", "holds %s, but sets that header before, to another value; readers may not tell names apart that differ in case or _", quote(entry))
			continue
		case rule.Preset == "" && twice, rule.Preset != "" && slices.ContainsFunc(rules, func(r HeaderRule) bool { return r.Preset == rule.Preset }):
			continue // the same once more
		case rule.Preset == "":
			own[folded] = rule.value()
		}
		rules = append(rules, rule)
	}
	return rules
}

// parseHeader parses an entry; the problem is the end of a sentence.
func parseHeader(entry string) (rule HeaderRule, problem string) {
	name, template, own := strings.Cut(entry, "=")
	if !own {
		if !slices.Contains(HeaderPresets(), entry) {
			return rule, "which is no preset; the nearest is " + explain.NearestOf(strings.ToLower(entry), HeaderPresets()) +
				", and a header of your own is written X-My-Header={email}"
		}
		return HeaderRule{Preset: entry}, ""
	}
	name = strings.TrimSpace(name)
	if problem = nameProblem(name); problem != "" {
		return rule, problem
	}
	rule.Name = http.CanonicalHeaderKey(name)
	rule.Value, problem = parseTemplate(strings.TrimSpace(template))
	return rule, problem
}

// nameProblem says why a header is not ours to set.
func nameProblem(name string) string {
	if name == "" || strings.ContainsFunc(name, func(c rune) bool { return !isTokenChar(c) }) {
		return "whose name is not one that a header can have"
	}
	switch folded := foldName(name); {
	case slices.Contains(othersHeaders(), folded), hasAnyPrefix(folded, othersPrefixes()):
		return "but that header says how a request is to be read, or is the browser's own; take another name"
	}
	return ""
}

// othersHeaders are headers, folded, that frame a request, steer connections and
// caches, say where a request came from, or carry what browsers and apps agree on.
// One that told of a person would break them, or be one more way to forge them.
func othersHeaders() []string {
	return []string{
		"host", "cookie", "cookie2", "set-cookie", "authorization", "origin", "referer", "user-agent", "from",
		"connection", "proxy", "proxy-connection", "proxy-authorization", "proxy-authenticate", "proxy-authentication-info", "keep-alive", "te", "trailer", "trailers", "transfer-encoding", "upgrade", "http2-settings",
		"range", "expect", "max-forwards", "via", "date", "age", "cache-control", "pragma", "warning", "priority",
		"forwarded", "x-real-ip", "x-request-id", "x-correlation-id", "x-requested-with", "x-method-override",
		"traceparent", "tracestate", "last-event-id", "early-data", "alt-used", "dnt",
		"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix", "x-forwarded-server",
		"x-forwarded-scheme", "x-forwarded-ssl", "x-forwarded-by", "x-forwarded-path", "x-forwarded-uri", "x-forwarded-method",
		"x-forwarded-protocol",
	}
}

func othersPrefixes() []string {
	return []string{"content-", "sec-", "accept", "if-", "access-control-", "x-original-", "x-rewrite-", "x-http-method"}
}

func hasAnyPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
}

// isTokenChar is RFC 9110 5.6.2.
func isTokenChar(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c < 0x80 && strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}

// foldName is what the most forgiving reader takes a header's name for: CGI and its
// kin read X_User.Email as X-User-Email.
func foldName(name string) string {
	return strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
			return c
		}
		return '-'
	}, strings.ToLower(name))
}

// parseTemplate splits text with {placeholders} into its parts.
func parseTemplate(template string) (parts []HeaderPart, problem string) {
	switch {
	case template == "":
		return nil, "which has no value"
	case strings.ContainsFunc(template, func(c rune) bool { return c < ' ' || c > '~' }):
		return nil, "whose value has characters other than printable ASCII"
	}
	for template != "" {
		text, rest, found := strings.Cut(template, "{")
		if strings.Contains(text, "}") {
			return nil, "in which a } closes nothing"
		}
		if text != "" {
			parts = append(parts, HeaderPart{Text: text})
		}
		if !found {
			break
		}
		inner, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, "in which a { is not closed"
		}
		part, problem := parsePlaceholder(inner)
		if problem != "" {
			return nil, problem
		}
		parts, template = append(parts, part), after
	}
	return parts, ""
}

func parsePlaceholder(inner string) (part HeaderPart, problem string) {
	name, encoding, encoded := strings.Cut(inner, ":")
	switch {
	case !slices.Contains(HeaderPlaceholders(), name):
		return part, "whose {" + inner + "} stands for nothing; the nearest is {" + explain.NearestOf(strings.ToLower(name), HeaderPlaceholders()) + "}"
	case encoded && !slices.Contains(HeaderEncodings(), encoding):
		return part, "whose {" + inner + "} asks for no known encoding; there are " + strings.Join(HeaderEncodings(), ", ") +
			", and percent-encoding without any"
	case encoded && !encodes(name, encoding):
		return part, "but {" + name + "} cannot be written that way"
	}
	return HeaderPart{Placeholder: name, Encoding: encoding}, ""
}

// String returns the entry as it is written in the setting.
func (r HeaderRule) String() string {
	if r.Preset != "" {
		return r.Preset
	}
	return r.Name + "=" + r.value()
}

func (r HeaderRule) value() string {
	var b strings.Builder
	for _, part := range r.Value {
		switch {
		case part.Placeholder == "":
			b.WriteString(part.Text)
		case part.Encoding == "":
			b.WriteString("{" + part.Placeholder + "}")
		default:
			b.WriteString("{" + part.Placeholder + ":" + part.Encoding + "}")
		}
	}
	return b.String()
}
