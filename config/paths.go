package config

import (
	"net/url"
	"slices"
	"strings"
)

// publicPaths parses the paths that are open without login. Rules are compared
// with the very bytes that are forwarded, and requests whose path is unclean are
// refused, so an entry that could only match by another reading is a mistake.
func (p *parser) publicPaths(value string) []PathRule {
	var rules []PathRule
	for _, entry := range p.list("PUBLIC_PATHS", value) {
		method, path, ok := strings.Cut(entry, " ")
		if !ok {
			method, path = "", entry
		}
		rule := PathRule{Method: method, Path: strings.TrimSpace(path)}
		if problem := pathProblem(rule); problem != "" {
			p.fault("PUBLIC_PATHS", "holds %s, %s", quote(entry), problem)
			continue
		}
		rules = append(rules, rule)
	}
	return rules
}

func pathProblem(rule PathRule) string {
	methods := []string{"", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	switch path := rule.Path; {
	case !slices.Contains(methods, rule.Method):
		return "whose method is none of " + strings.Join(methods[1:], " ")
	case !strings.HasPrefix(path, "/"):
		return "whose path does not start with /"
	case path == "/":
		return "which would open everything, as an entry that ends in / opens all below it"
	case path == "/_gate" || strings.HasPrefix(path, "/_gate/"):
		return "but those paths are sidegate's own"
	case strings.Contains(path, "*"):
		return "but there are no wildcards; an entry that ends in / opens all below it"
	case strings.ContainsAny(path, `?#\`):
		return `which has one of ? # \; an entry is a path alone`
	case strings.Contains(path, "//"):
		return "which has an empty segment (//)"
	}
	return encodingProblem(rule.Path)
}

// encodingProblem refuses bytes that cannot stand in a request line, and escapes
// of those that the app might decode and then read as structure: an open /a%2F..
// is a way into everything.
func encodingProblem(path string) string {
	plain := func(c rune) bool { return c > ' ' && c < 0x7f }
	if strings.ContainsFunc(path, func(c rune) bool { return !plain(c) }) {
		return "which has characters a request line cannot have; write them percent-encoded"
	}
	if _, err := url.PathUnescape(path); err != nil {
		return "which has a broken percent escape"
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return "which has a dot segment"
		}
	}
	folded := strings.ToLower(path)
	for _, escape := range []string{"%2f", "%5c", "%2e", "%00", "%25"} {
		if strings.Contains(folded, escape) {
			return "which has a percent escape of a slash, backslash, dot, percent sign or NUL"
		}
	}
	return ""
}

// reachesStreamlit reports whether the rule opens Streamlit's own channel, at any
// depth: an app with a base path has it there.
func (r PathRule) reachesStreamlit() bool {
	return strings.Contains(r.Path+"/", "/_stcore/")
}
