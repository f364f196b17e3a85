package access

import (
	"fmt"
	"testing"

	"sidegate/identity"
)

const (
	google = "https://accounts.google.com"
	okta   = "https://corp.okta.com"
	weak   = "https://partner.example"
)

// several is a site with Google, Okta, and a partner's provider that is believed of the
// partner's own addresses alone.
func several() Providers {
	return Providers{
		google: {Claim: HostedDomain},
		okta:   {Name: "okta", Claim: EmailDomain},
		weak:   {Name: "partner", Claim: EmailDomain, Vouches: []string{"Partner.example"}},
	}
}

// RFC 9700 4.4, SEC-DOM-04, SEC-DOM-15: what one provider says is worth nothing in
// another's place.
func TestEachProviderIsBelievedOfItsOwnPeopleAlone(t *testing.T) {
	p := policy(t, Rules{Domains: []string{"corp.com", "partner.example"}, Emails: []string{"boss@corp.com"}, Providers: several()})
	roles, err := ParseRoles("admin: boss@corp.com\nstaff: @corp.com", HostedDomain, several())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		issuer, subject, email, hd, reason, roles string
	}{
		{google, "1", "ann@corp.com", "corp.com", "domain", "[staff]"},
		{google, "1", "ann@corp.com", "", "not_listed", "[]"}, // a consumer account
		{okta, "okta:1", "ann@corp.com", "", "domain", "[staff]"},
		{okta, "okta:1", "ann@evil.example", "corp.com", "not_listed", "[]"}, // hd is Google's to say
		{okta, "okta:1", "boss@corp.com", "", "email", "[admin staff]"},
		{weak, "partner:1", "pat@partner.example", "", "domain", "[]"},
		{weak, "partner:1", "boss@corp.com", "corp.com", "email_not_vouched", "[]"},
		{weak, "partner:1", "boss@corp.com.partner.example", "", "email_not_vouched", "[]"},
		{"https://former.example", "1", "boss@corp.com", "corp.com", "provider_unknown", "[]"},
		{okta, "1", "boss@corp.com", "", "subject_foreign", "[]"}, // from when it was the main one
		{okta, "partner:1", "boss@corp.com", "", "subject_foreign", "[]"},
		{google, "okta:1", "boss@corp.com", "corp.com", "subject_foreign", "[]"},
		{google, "okta", "boss@corp.com", "corp.com", "email", "[admin staff]"},
		{google, "other:1", "boss@corp.com", "corp.com", "email", "[admin staff]"}, // of no provider here
	} {
		id := identity.Identity{Issuer: tt.issuer, Subject: tt.subject, Email: tt.email, EmailVerified: true, HostedDomain: tt.hd}
		if got := p.Decide(id); got.Reason != tt.reason || got.Allowed != (tt.reason == "domain" || tt.reason == "email") {
			t.Errorf("%s %s %s %s: %+v, want %s", tt.issuer, tt.subject, tt.email, tt.hd, got, tt.reason)
		}
		if got := fmt.Sprint(roles.Of(id)); got != tt.roles {
			t.Errorf("%s %s %s %s: roles %s, want %s", tt.issuer, tt.subject, tt.email, tt.hd, got, tt.roles)
		}
	}
}

// "Anyone" is every account of the providers that are listed, within what each may
// vouch for.
func TestAnyoneIsNobodyOfAnotherProvider(t *testing.T) {
	p := policy(t, Rules{Anyone: true, Providers: several()})
	for issuer, id := range map[string]identity.Identity{
		"https://former.example": {Subject: "1", Email: "a@b.example"},
		weak:                     {Subject: "partner:1", Email: "a@b.example"},
		okta:                     {Subject: "1", Email: "a@b.example"},
	} {
		id.Issuer, id.EmailVerified = issuer, true
		if d := p.Decide(id); d.Allowed {
			t.Errorf("%s: let in as %s", issuer, d.Reason)
		}
	}
}
