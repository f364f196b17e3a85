package access

import (
	"context"
	"slices"
	"strings"
	"testing"

	"sidegate/identity"
)

// directory answers the same for everybody.
type directory struct {
	groups []string
	known  bool
	asked  *int
}

func (d directory) Groups(identity.Identity) ([]string, bool) { return d.groups, d.known }
func (d directory) Learn(context.Context, identity.Identity)  { *d.asked++ }

func TestWhoIsInAnAllowedGroupMayPass(t *testing.T) {
	p := policy(t, Rules{Groups: []string{"Staff@corp.com", "/ops"}})
	for _, tt := range []struct {
		groups []string
		want   bool
	}{
		{[]string{"x", "/ops"}, true}, {[]string{"staff@CORP.com"}, true},
		{nil, false}, {[]string{""}, false}, {[]string{"/Ops"}, false}, {[]string{"/ops/x"}, false}, {[]string{"staff"}, false},
		{[]string{"staff@corp.com@evil.com"}, false}, {[]string{"/ops,x"}, false},
	} {
		id := person("a@b.example")
		id.Groups = tt.groups
		if d := p.Decide(id); d.Allowed != tt.want || d.Allowed && d.Reason != "group" {
			t.Errorf("in %q: %+v", tt.groups, d)
		}
		id.EmailVerified = false
		if d := p.Decide(id); d.Allowed {
			t.Errorf("in %q, not verified: %+v", tt.groups, d)
		}
	}
	if _, err := NewPolicy(Rules{Groups: []string{""}}); err == nil {
		t.Error("a blank group is a rule")
	}
}

// SEC-DOM-09: the rules are alternatives.
func TestGroupsAreOneRuleAmongOthers(t *testing.T) {
	p := policy(t, Rules{Groups: []string{"ops"}, Emails: []string{"ann@corp.com"}, Domains: []string{"b.example"}, Claim: EmailDomain})
	member := person("zoe@other.example")
	member.Groups = []string{"ops"}
	for _, id := range []identity.Identity{member, person("ann@corp.com"), person("x@b.example")} {
		if d := p.Decide(id); !d.Allowed {
			t.Errorf("%s is refused: %s", id.Email, d.Reason)
		}
	}
	if d := p.Decide(person("zoe@other.example")); d.Allowed || d.Unsure {
		t.Errorf("got %+v", d)
	}
}

// Failure closed for what needs a group, never for what does not.
func TestGroupsThatNobodyKnowsLetNobodyInAndKeepNobodyOut(t *testing.T) {
	asked := 0
	for _, tt := range []struct {
		name  string
		rules Rules
		known bool
		email string
		want  Decision
	}{
		{"by group, known", Rules{Groups: []string{"ops"}}, true, "a@b.example", Decision{Reason: "not_listed"}},
		{"by group, not known", Rules{Groups: []string{"ops"}}, false, "a@b.example", Decision{Unsure: true, Reason: "groups_unknown"}},
		{"by e-mail, not known", Rules{Groups: []string{"ops"}, Emails: []string{"a@b.example"}}, false, "a@b.example", Decision{Allowed: true, Reason: "email"}},
		{"no group rule, not known", Rules{Emails: []string{"c@b.example"}}, false, "a@b.example", Decision{Reason: "not_listed"}},
		{"no address, not known", Rules{Groups: []string{"ops"}}, false, "", Decision{Reason: "email_malformed"}},
	} {
		b := Book{Directory: directory{known: tt.known, asked: &asked}}
		b.Set(policy(t, tt.rules))
		before := asked
		_, d := b.Admit(t.Context(), person(tt.email))
		if d != tt.want || asked != before+1 {
			t.Errorf("%s: %+v, want %+v; asked %d times", tt.name, d, tt.want, asked-before)
		}
		if d := b.Decide(person(tt.email)); d != tt.want || asked != before+1 {
			t.Errorf("%s, at a look: %+v, want %+v; asked %d times", tt.name, d, tt.want, asked-before)
		}
	}
}

func TestLookAddsWhatIsTrueAtThisMoment(t *testing.T) {
	asked := 0
	b := Book{Directory: directory{groups: []string{"g1", "ops", "z"}, known: true, asked: &asked}}
	if _, d := b.Look(person("a@b.example")); d.Allowed || d.Reason != "no_policy" {
		t.Errorf("without a policy: %+v", d)
	}
	b.Set(policy(t, Rules{Groups: []string{"ops"}}))
	id := person("a@b.example")
	id.Groups, id.Roles = append(make([]string, 0, 9), "own", "g1"), []string{"forged"}
	who, d := b.Look(id)
	if !d.Allowed || len(who.Roles) != 0 || strings.Join(who.Groups, " ") != "own g1 ops z" {
		t.Errorf("got %+v %+v", who, d)
	}
	if strings.Join(id.Groups, " ") != "own g1" || id.Groups[:3][2] != "" {
		t.Errorf("what the sign-in told was changed: %q", id.Groups[:9])
	}
	b.SetRoles(*roles(t, "admin: group:z\nowner: group:own", EmailDomain))
	if who, _ := b.Look(id); strings.Join(who.Roles, " ") != "admin owner" {
		t.Errorf("roles %q", who.Roles)
	}
	b.SetRoles(*roles(t, "viewer: group:ops", EmailDomain))
	if who, _ := b.Look(id); strings.Join(who.Roles, " ") != "viewer" {
		t.Errorf("roles %q, after the map has changed", who.Roles)
	}
}

// The last of very many groups decides like the first, though the app is not told of it.
func TestAllGroupsDecideAndSomeAreTold(t *testing.T) {
	var many []string
	for range 300 {
		many = append(many, "a group of 24 characters")
	}
	many = append(many, "ops")
	var b Book
	b.Set(policy(t, Rules{Groups: []string{"ops"}}))
	b.SetRoles(*roles(t, "admin: group:ops", EmailDomain))
	id := person("a@b.example")
	id.Groups = many
	who, d := b.Look(id)
	if size := len(strings.Join(who.Groups, ",")); !d.Allowed || !slices.Equal(who.Roles, []string{"admin"}) || size > 4096 || size < 4000 {
		t.Errorf("%+v, roles %q, %d bytes of groups", d, who.Roles, size)
	}
}
