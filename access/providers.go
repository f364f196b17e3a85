package access

import (
	"slices"
	"strings"

	"sidegate/identity"
)

// Provider is what the rules know of one OpenID provider.
type Provider struct {
	Name    string      // a further one's: its people's subjects are "NAME:…"; empty: the main one
	Claim   DomainClaim // what domains are compared with; empty: HostedDomain
	Vouches []string    // domains of whose addresses it is believed; empty: of all
}

// Providers are those whose accounts may sign in, by issuer. Nothing another one has
// said counts, as for sessions that came of a provider that has been taken away. No
// Providers at all is for a site that has one and never had another.
type Providers map[string]Provider

// refuses returns why what a provider said of id counts for nothing, in a word for the
// log; empty: it counts. domain is that of the folded address.
func (ps Providers) refuses(id identity.Identity, domain string) string {
	if len(ps) == 0 {
		return ""
	}
	p, known := ps[id.Issuer]
	switch {
	case !known:
		return "provider_unknown"
	case !ps.owns(p, id.Subject):
		return "subject_foreign"
	case !p.vouches(domain):
		return "email_not_vouched"
	}
	return ""
}

// owns reports whether a subject can be of p: with its name in front, and of the main
// one with nobody's. Two people of two providers would be one to the app otherwise,
// which knows them by the subject alone.
func (ps Providers) owns(p Provider, subject string) bool {
	if p.Name != "" {
		return strings.HasPrefix(subject, p.Name+":")
	}
	for _, other := range ps {
		if other.Name != "" && strings.HasPrefix(subject, other.Name+":") {
			return false
		}
	}
	return true
}

// vouches reports whether p is believed of an address. Whoever runs a provider can
// have it say that they are anybody.
func (p Provider) vouches(domain string) bool {
	return len(p.Vouches) == 0 || slices.ContainsFunc(p.Vouches, func(d string) bool { return foldDomain(d) == domain })
}

// domain returns what a domain rule is compared with, given that of the address. An
// hd claim counts where it was asked to: another provider could write Google's.
func (ps Providers) domain(id identity.Identity, ofEmail string, usual DomainClaim) string {
	claim := usual
	if p, known := ps[id.Issuer]; known {
		claim = p.Claim
	}
	if claim == EmailDomain {
		return ofEmail
	}
	return foldDomain(id.HostedDomain)
}
