package access

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"sidegate/identity"
)

// RoleMap says which roles people have. The zero RoleMap gives none.
type RoleMap struct {
	claim                   DomainClaim
	providers               Providers
	emails, domains, groups map[string][]string // roles by folded name
}

// ParseRoles reads a role map, one role a line:
//
//	admin:  ann@example.com, group:ops@example.com
//	viewer: @example.com
//
// Blank lines and lines that start with "#" are passed over; a role may have several
// lines. claim is what "@example.com" is compared with where providers do not say it.
// A map with a mistake in it is none: the error names the lines, counted from 1, and
// what is wrong.
func ParseRoles(text string, claim DomainClaim, providers Providers) (RoleMap, error) {
	m := RoleMap{
		claim: claim, providers: providers,
		emails: make(map[string][]string), domains: make(map[string][]string), groups: make(map[string][]string),
	}
	var faults []error
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := m.add(line); err != nil {
			faults = append(faults, fmt.Errorf("line %d %w", n, err))
		}
	}
	if len(faults) > 0 {
		return RoleMap{}, summary(faults)
	}
	return m, nil
}

// summary is one line of the first few faults.
func summary(faults []error) error {
	const shown = 3
	var text strings.Builder
	for i, err := range faults {
		if i == shown {
			fmt.Fprintf(&text, ", and %d more", len(faults)-shown)
			break
		}
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(err.Error())
	}
	return errors.New(text.String())
}

// add reads a line. The error is the end of a sentence.
func (m *RoleMap) add(line string) error {
	role, list, found := strings.Cut(line, ":")
	role = strings.TrimSpace(role)
	switch {
	case !found:
		return errors.New("has no colon: write role: email, @domain, group:name")
	case !isRole(role):
		return fmt.Errorf("names the role %.64q: a role has letters, digits and -_. in it, and no more than %d of them", role, maxRole)
	}
	named := false
	for who := range strings.SplitSeq(list, ",") {
		if who = strings.TrimSpace(who); who == "" {
			continue
		}
		named = true
		if err := m.give(role, who); err != nil {
			return err
		}
	}
	if !named {
		return fmt.Errorf("gives the role %s to nobody", role)
	}
	return nil
}

func (m *RoleMap) give(role, who string) error {
	into, key := m.emails, ""
	name, isGroup := strings.CutPrefix(who, "group:")
	domain, isDomain := strings.CutPrefix(who, "@")
	switch {
	case isGroup:
		name, err := url.PathUnescape(strings.TrimSpace(name))
		if into, key = m.groups, foldGroup(name); err != nil || key == "" {
			return fmt.Errorf("has %.100q, which is no group: in its name %% is written %%25, and a comma %%2C", who)
		}
	case isDomain:
		if into, key = m.domains, foldDomain(domain); !plainDomain(key) {
			return fmt.Errorf("has %.100q, which is no domain", who)
		}
	default:
		var ok bool
		if key, ok = FoldEmail(who); !ok {
			return fmt.Errorf("has %.100q, which is no e-mail address, no @domain and no group:name", who)
		}
	}
	if !slices.Contains(into[key], role) {
		into[key] = append(into[key], role)
	}
	return nil
}

// maxRole bounds a role's name, in bytes.
const maxRole = 64

func isRole(s string) bool {
	return s != "" && len(s) <= maxRole && !strings.ContainsFunc(s, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_.", c))
	})
}

// plainDomain takes what the domain of an address that passes can be, and nothing
// that looks like a pattern: it would match nobody.
func plainDomain(d string) bool {
	_, _, ok := splitEmail("a@" + d)
	return ok && !strings.ContainsAny(d, "*?/")
}

// Of returns the roles of id, sorted; none for somebody whose address is not
// verified. id.Groups have to be those of this moment.
func (m *RoleMap) Of(id identity.Identity) []string {
	if id.IsZero() || !id.EmailVerified {
		return nil
	}
	email, domain, ok := splitEmail(id.Email)
	if !ok || m.providers.refuses(id, domain) != "" {
		return nil
	}
	roles := slices.Concat(m.emails[email], m.domains[m.providers.domain(id, domain, m.claim)])
	for _, g := range id.Groups {
		roles = append(roles, m.groups[foldGroup(g)]...)
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// Len returns how many people, domains and groups have a role.
func (m *RoleMap) Len() int { return len(m.emails) + len(m.domains) + len(m.groups) }

// foldGroup returns a group's name in the form in which rules compare it: exactly as
// it is, unless it is an e-mail address, as those of Google are.
func foldGroup(g string) string {
	if !strings.ContainsAny(g, upper) && !strings.HasSuffix(g, ".") {
		return g // folded already, as groups of Google's are
	}
	if email, _, ok := splitEmail(g); ok {
		return email
	}
	return g
}

const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
