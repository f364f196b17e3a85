package config

import (
	"net/http"
	"slices"
	"strings"
)

// scopes reads a list of API scopes, with commas or blanks between them, as OAuth
// writes them. Those of every sign-in need not be listed, and offline access is not
// for anybody to forget, or to ask Google for by a scope that it refuses.
func (p *parser) scopes(name, value string) (all []string) {
	for _, s := range p.list(name, strings.ReplaceAll(value, " ", ",")) {
		if problem := scopeProblem(s); problem != "" {
			p.fault(name, "holds %s, %s", quote(s), problem)
		} else if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	if len(all) > maxScopes {
		p.fault(name, "lists more than %d scopes", maxScopes)
	}
	return all
}

const maxScopes = 32

func scopeProblem(s string) string {
	switch {
	case s == "openid" || s == "email" || s == "profile":
		return "which is asked for at every sign-in; leave it out"
	case s == "offline_access":
		return "which sidegate asks for by itself where it is right; leave it out"
	case len(s) > 256 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }):
		return "which cannot be a scope (RFC 6749 3.3)"
	}
	return ""
}

// tokenHeader reads the name of the header for the access token itself.
func (p *parser) tokenHeader(name string) string {
	if name == "" {
		return ""
	}
	if problem := nameProblem(name); problem != "" {
		p.fault("TOKEN_HEADER", "is a header %s", problem)
		return ""
	}
	return http.CanonicalHeaderKey(name)
}
