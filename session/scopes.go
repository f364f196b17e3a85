package session

import (
	"slices"
	"strings"
)

// Scopes say what an access token is good for (RFC 6749 3.3).
type Scopes []string

const (
	maxScopes = 64
	maxScope  = 256 // bytes of one
)

// ParseScopes reads a list with blanks or commas between its entries, and reports
// whether each can be a scope. Repeated ones count once.
func ParseScopes(text string) (Scopes, bool) {
	var all Scopes
	for _, s := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		if !validScope(s) {
			return nil, false
		}
		all = all.And(s)
	}
	return all, len(all) <= maxScopes
}

// validScope: RFC 6749 3.3, and no comma, which is legal there and used by nobody.
func validScope(s string) bool {
	return len(s) <= maxScope && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\' || r == ','
	})
}

// And returns s with more, none twice.
func (s Scopes) And(more ...string) Scopes {
	all := slices.Clone(s)
	for _, m := range more {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

// Missing returns those of want that s does not hold.
func (s Scopes) Missing(want Scopes) (missing Scopes) {
	for _, w := range want {
		if !slices.Contains(s, w) {
			missing = append(missing, w)
		}
	}
	return missing
}

// String is how a request says them.
func (s Scopes) String() string { return strings.Join(s, " ") }
