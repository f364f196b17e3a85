package access

import (
	"fmt"
	"strings"
	"testing"
)

func roles(t *testing.T, text string, claim DomainClaim) *RoleMap {
	t.Helper()
	m, err := ParseRoles(text, claim, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &m
}

func TestRolesAreGivenToWhomTheMapNames(t *testing.T) {
	m := roles(t, "\ufeff# who is what\n\n"+
		"admin:  Ann@Example.com, group:ops@example.com ,\r\n"+
		"editor: @example.com\n"+
		"admin:  group:/staff/leads\n"+
		"owner-2_x.y: ann@example.com,ann@example.com\n"+
		"sales:  group:R&D%2C 100%25, group: spaced out \n", EmailDomain)
	for _, tt := range []struct {
		email  string
		groups []string
		want   string
	}{
		{"ann@example.com", nil, "admin editor owner-2_x.y"},
		{"ANN@EXAMPLE.COM", nil, "admin editor owner-2_x.y"},
		{"bob@example.com", nil, "editor"},
		{"bob@sub.example.com", nil, ""},
		{"bob@badexample.com", nil, ""},
		{"bob@other.org", []string{"OPS@Example.com"}, "admin"},
		{"bob@other.org", []string{"ops@example.com", "/staff/leads"}, "admin"},
		{"bob@other.org", []string{"/Staff/Leads", "/staff/leads/x", "ops", "ann@example.com", "@example.com", "group:ops@example.com"}, ""},
		{"bob@other.org", []string{"R&D, 100%"}, "sales"},
		{"bob@other.org", []string{"R&D%2C 100%25", "R&D"}, ""},
		{"bob@other.org", []string{"spaced out"}, "sales"},
		{"ann@example.com@other.org", []string{"ops@example.com"}, ""},
		{"", []string{"ops@example.com"}, ""},
	} {
		id := person(tt.email)
		id.Groups = tt.groups
		if got := strings.Join(m.Of(id), " "); got != tt.want {
			t.Errorf("%s in %q: %q, want %q", tt.email, tt.groups, got, tt.want)
		}
		id.EmailVerified = false
		if got := m.Of(id); got != nil {
			t.Errorf("%s, not verified, has %q", tt.email, got)
		}
		id = person(tt.email)
		if id.Subject, id.Groups = "", tt.groups; m.Of(id) != nil {
			t.Errorf("nobody has roles")
		}
	}
}

// SEC-DOM-04: a consumer account can carry a verified address of the domain.
func TestRolesOfADomainFollowTheClaimThatTheRulesDo(t *testing.T) {
	m := roles(t, "editor: @example.com", HostedDomain)
	id := person("ann@example.com")
	if got := m.Of(id); got != nil {
		t.Errorf("without hd: %q", got)
	}
	id.HostedDomain = "Example.com"
	if got := m.Of(id); fmt.Sprint(got) != "[editor]" {
		t.Errorf("with hd: %q", got)
	}
	if id.HostedDomain = "other.org"; m.Of(id) != nil {
		t.Error("another hd counts")
	}
}

func TestARoleMapWithAMistakeIsNone(t *testing.T) {
	for line, want := range map[string]string{
		"admin":                       "no colon",
		"admin ann@example.com":       "no colon",
		": ann@example.com":           `the role ""`,
		"adm in: ann@example.com":     `the role "adm in"`,
		"a,b: ann@example.com":        `the role "a,b"`,
		"rôle: ann@example.com":       "letters, digits",
		"admin:":                      "to nobody",
		"admin: ,":                    "to nobody",
		"admin: ann":                  `"ann", which is no e-mail`,
		"admin: *":                    `"*", which is no e-mail`,
		"admin: a b@example.com":      "no e-mail",
		"admin: @":                    `"@", which is no domain`,
		"admin: @*":                   "no domain",
		"admin: @*.example.com":       "no domain",
		"admin: @a@b":                 "no domain",
		"admin: @corp.\u0441om":       "no domain",
		"admin: group:":               "no group",
		"admin: group:100%":           "no group",
		"admin: groups:ops":           "no e-mail",
		strings.Repeat("r", 65) + ":": "no more than 64",
	} {
		_, err := ParseRoles("# first\nviewer: bob@example.com\n"+line+"\n", EmailDomain, nil)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line 3 ") {
			t.Errorf("%q: %v, want line 3 … %s", line, err, want)
		}
	}
	_, err := ParseRoles("a\nb\nc\nd\ne\n", EmailDomain, nil)
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "line 1 ") || !strings.Contains(err.Error(), "and 2 more") {
		t.Errorf("five mistakes: %v", err)
	}
	if m := new(RoleMap); m.Of(person("ann@example.com")) != nil {
		t.Error("the zero RoleMap gives roles")
	}
}

func TestGroupsThatAreAddressesAreComparedAsAddresses(t *testing.T) {
	for g, want := range map[string]string{
		"ops@example.com": "ops@example.com", "Ops@Example.com": "ops@example.com", "ops@example.com.": "ops@example.com",
		"/Staff": "/Staff", "/staff.": "/staff.", "a@b@C": "a@b@C", "\u212Aelvin@example.com": "\u212Aelvin@example.com", "": "",
	} {
		if got := foldGroup(g); got != want {
			t.Errorf("%q became %q, want %q", g, got, want)
		}
	}
}

func FuzzRolesAreOnlyThoseOfTheMap(f *testing.F) {
	f.Add("admin: ann@example.com\nx: @example.com, group:a%2Cb", "ann@example.com", "a,b")
	f.Add("admin: group:ops@example.com", "a@b", "OPS@EXAMPLE.COM")
	f.Fuzz(func(t *testing.T, text, email, group string) {
		m, err := ParseRoles(text, EmailDomain, nil)
		if err != nil {
			return
		}
		id := person(email)
		id.Groups = []string{group}
		for _, role := range m.Of(id) {
			if !isRole(role) || !strings.Contains(text, role) {
				t.Errorf("%q is no role of %q", role, text)
			}
		}
	})
}
