package config

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Groups says where people's groups come from, besides the sign-in.
type Groups struct {
	GoogleKey      string        // path of a service account's JSON key; empty: Google is not asked
	GoogleCustomer string        // the organisation whose nested groups count; empty: direct ones alone
	TTL            time.Duration // how long an answer is used; always positive
}

// groups reads the list of groups that may sign in, less its encoding.
func (p *parser) groups(value string) []string {
	var groups []string
	for _, entry := range p.list("ALLOWED_GROUPS", value) {
		name, err := url.PathUnescape(entry)
		switch {
		case err != nil || name == "":
			p.fault("ALLOWED_GROUPS", "holds %s, which is no group: in its name %% is written %%25, and a comma %%2C", quote(entry))
		case name == "*":
			p.fault("ALLOWED_GROUPS", "holds \"*\", but there are no wildcards; list each group")
		default:
			groups = append(groups, name)
		}
	}
	return groups
}

// showGroup writes a group as it stands in the list.
func showGroup(name string) string {
	return strings.NewReplacer("%", "%25", ",", "%2C").Replace(name)
}

// minGroupsTTL keeps a typing error from becoming a question to Google with each
// request.
const minGroupsTTL = time.Second

func (p *parser) directory(r Raw, google bool, further []Further) Groups {
	told := slices.ContainsFunc(further, func(f Further) bool { return f.GroupsClaim != "" })
	g := Groups{
		GoogleKey:      p.file("GOOGLE_GROUPS_JSON", r.GoogleGroupsJSON),
		GoogleCustomer: r.GoogleCustomer,
		TTL:            p.duration("GROUPS_TTL", r.GroupsTTL),
	}
	if g.TTL < minGroupsTTL && !p.faulty("GROUPS_TTL") {
		p.fault("GROUPS_TTL", "is shorter than %s", minGroupsTTL)
	}
	switch {
	case g.GoogleCustomer == "":
	case !isCustomer(g.GoogleCustomer):
		p.fault("GOOGLE_CUSTOMER", "is no customer id: C and letters and digits, as the Admin console shows under Account, Account settings")
	case g.GoogleKey == "":
		p.fault("GOOGLE_CUSTOMER", "is set, but without %s_GOOGLE_GROUPS_JSON nobody asks Google for groups", prefix)
	}
	if google && !told && r.AllowedGroups != "" && r.GoogleGroupsJSON == "" && !p.faulty("ALLOWED_GROUPS") {
		p.fault("ALLOWED_GROUPS", "is set, but Google's sign-in tells no groups: set %s_GOOGLE_GROUPS_JSON to have them looked up", prefix)
	}
	return g
}

func isCustomer(s string) bool {
	rest, ok := strings.CutPrefix(s, "C")
	return ok && rest != "" && !strings.ContainsFunc(rest, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9')
	})
}
