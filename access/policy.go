// Package access decides who may pass and which paths need nobody: pure
// functions of an identity or a path, without I/O, so that every decision can be
// tabled and fuzzed.
package access

import (
	"errors"
	"strings"

	"sidegate/identity"
)

// DomainClaim names what a domain rule is compared with.
type DomainClaim string

const (
	// HostedDomain compares with Google's hd claim, which only Google can give:
	// a consumer account can carry a verified address of a company it does not
	// belong to ("hd must be used when restricting access to a resource to only
	// members of certain domains", Google, OpenID Connect).
	HostedDomain DomainClaim = "hd"
	// EmailDomain compares with the domain of the verified e-mail, for providers
	// that run that domain's accounts themselves.
	EmailDomain DomainClaim = "email"
)

// Rules say who may pass. A person passes who has a verified e-mail and matches
// any one rule. The zero Rules admit nobody.
type Rules struct {
	Domains []string    // whole domains; sub-domains are other domains
	Claim   DomainClaim // what Domains are compared with; empty: HostedDomain
	Emails  []string
	Groups  []string // whoever is in one of them
	Anyone  bool     // every account of a provider that has a verified e-mail

	Providers Providers // whose accounts they are for; each has a Claim of its own
}

// Policy is Rules made ready to decide. The zero Policy refuses everybody.
type Policy struct {
	domains map[string]struct{}
	emails  map[string]struct{}
	groups  map[string]struct{}
	claim   DomainClaim
	anyone  bool

	providers Providers
}

// NewPolicy reads the rules. No rule at all is an error, not an open door.
func NewPolicy(r Rules) (Policy, error) {
	p := Policy{
		domains: make(map[string]struct{}), emails: make(map[string]struct{}), groups: make(map[string]struct{}),
		claim: r.Claim, anyone: r.Anyone, providers: r.Providers,
	}
	if p.claim == "" {
		p.claim = HostedDomain
	}
	for _, d := range r.Domains {
		if d = foldDomain(strings.TrimSpace(d)); d != "" {
			p.domains[d] = struct{}{}
		}
	}
	for _, e := range r.Emails {
		if e, _, ok := splitEmail(strings.TrimSpace(e)); ok {
			p.emails[e] = struct{}{}
		}
	}
	for _, g := range r.Groups {
		if g = foldGroup(g); g != "" {
			p.groups[g] = struct{}{}
		}
	}
	if len(p.domains)+len(p.emails)+len(p.groups) == 0 && !p.anyone {
		return Policy{}, errors.New("access: no rule says who may pass")
	}
	return p, nil
}

// Decision is the answer of a Policy. The zero Decision refuses.
type Decision struct {
	Allowed bool
	Unsure  bool   // refused because nobody can say at present which groups the person is in
	Reason  string // one word for the log
}

// notListed is the Reason when no rule names the person.
const notListed = "not_listed"

// Decide reports whether id may pass.
func (p Policy) Decide(id identity.Identity) Decision {
	if id.IsZero() {
		return Decision{Reason: "nobody"}
	}
	if !id.EmailVerified {
		return Decision{Reason: "email_unverified"}
	}
	email, domain, ok := splitEmail(id.Email)
	if !ok {
		return Decision{Reason: "email_malformed"}
	}
	if reason := p.providers.refuses(id, domain); reason != "" {
		return Decision{Reason: reason}
	}
	if p.anyone {
		return Decision{Allowed: true, Reason: "anyone"}
	}
	if _, ok := p.emails[email]; ok {
		return Decision{Allowed: true, Reason: "email"}
	}
	if _, ok := p.domains[p.providers.domain(id, domain, p.claim)]; ok {
		return Decision{Allowed: true, Reason: "domain"}
	}
	for _, g := range id.Groups {
		if _, ok := p.groups[foldGroup(g)]; ok {
			return Decision{Allowed: true, Reason: "group"}
		}
	}
	return Decision{Reason: notListed}
}

// FoldEmail returns an address in the form in which rules compare it, and reports
// whether it is one.
func FoldEmail(s string) (string, bool) {
	email, _, ok := splitEmail(s)
	return email, ok
}

// splitEmail returns an address with folded case, and its domain. It takes only
// the plain form: one "@", printable ASCII, no quotes or spaces. Everything
// finer ("a@corp.example"@evil.example, look-alike letters) is refused, because
// two readers of it may disagree on where the domain starts (SEC-DOM-01, -06).
func splitEmail(s string) (email, domain string, ok bool) {
	if len(s) > 254 { // RFC 5321 4.5.3.1.3
		return "", "", false
	}
	for _, b := range []byte(s) {
		if b <= ' ' || b >= 0x7f || strings.IndexByte(`"(),:;<>[\]`, b) >= 0 {
			return "", "", false
		}
	}
	local, domain, found := strings.Cut(s, "@")
	if !found || local == "" || domain == "" || strings.Contains(domain, "@") {
		return "", "", false
	}
	domain = foldDomain(domain)
	return strings.ToLower(local) + "@" + domain, domain, true
}

// foldDomain folds ASCII case and takes off one trailing dot, the root. Other
// scripts are left alone: only an equal punycode form matches. strings.ToLower
// would turn U+212A, the Kelvin sign, into "k".
func foldDomain(d string) string {
	return strings.TrimSuffix(strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, d), ".")
}

// ParseEmails reads a list of addresses, one a line; blank lines and lines that
// start with "#" are passed over. The lines that are no address are returned by
// number, counted from 1, so that a typing error does not go unseen.
func ParseEmails(text string) (emails []string, bad []int) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if email, _, ok := splitEmail(line); ok {
			emails = append(emails, email)
		} else {
			bad = append(bad, n)
		}
	}
	return emails, bad
}
