package access

import (
	"strings"
	"testing"

	"sidegate/identity"
)

func person(email string) identity.Identity {
	return identity.Identity{Issuer: "https://accounts.google.com", Subject: "1", Email: email, EmailVerified: true}
}

func policy(t *testing.T, r Rules) Policy {
	t.Helper()
	p, err := NewPolicy(r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// SEC-DOM-01, SEC-DOM-02, SEC-DOM-05, SEC-DOM-06: what looks like the domain is
// not the domain; what is the same domain in other letters is.
func TestEmailDomainAdmitsOnlyTheVeryDomain(t *testing.T) {
	p := policy(t, Rules{Domains: []string{" Corp.com "}, Claim: EmailDomain})
	for _, email := range []string{"a@corp.com", "A@CORP.COM", "a@Corp.com", "a.b+c@corp.com", "a@corp.com."} {
		if d := p.Decide(person(email)); email != "a@corp.com." && !d.Allowed {
			t.Errorf("%q refused: %s", email, d.Reason)
		}
	}
	for _, email := range []string{
		"attacker@evil.com@corp.com", `"a@corp.com"@evil.com`, "a@corp.com\x00@evil.com", "a@evil.com\n@corp.com",
		"corp.com", "@corp.com", "a@", "a@@corp.com", "a@evilcorp.com", "a@corp.com.evil.com", "a@x.corp.com",
		"a@xn--corp-.com", "a@\u0441orp.com", "a\uff20corp.com", "a b@corp.com", "a,b@corp.com", "<a@corp.com>",
		"a@corp.com ", " a@corp.com", "a@corp.com\t", "a@corp.com\r\nX: y", "", strings.Repeat("a", 10000) + "@corp.com",
		"a(@evil.com)@corp.com", "a;@corp.com", "a@[corp.com]", "a\\@corp.com",
	} {
		if d := p.Decide(person(email)); d.Allowed {
			t.Errorf("%q admitted by %s", email, d.Reason)
		}
	}
}

// SEC-DOM-06: U+212A, the Kelvin sign, lower-cases to "k" in Unicode.
func TestUnicodeCaseFoldingAdmitsNobody(t *testing.T) {
	hd := person("a@kelvin.example")
	hd.HostedDomain = "\u212Aelvin.example"
	if d := policy(t, Rules{Domains: []string{"kelvin.example"}}).Decide(hd); d.Allowed {
		t.Error("the Kelvin sign was taken for k")
	}
	p := policy(t, Rules{Domains: []string{"xn--bcher-kva.example"}, Claim: EmailDomain})
	if d := p.Decide(person("a@XN--BCHER-KVA.example")); !d.Allowed {
		t.Error("the same punycode form was refused")
	}
}

// SEC-DOM-04: a consumer account can carry a verified company address, without hd.
func TestHostedDomainIsNotTheEmailsDomain(t *testing.T) {
	p := policy(t, Rules{Domains: []string{"corp.com"}})
	for _, tt := range []struct {
		hd   string
		want bool
	}{{"corp.com", true}, {"Corp.Com", true}, {"", false}, {"other.com", false}, {"x.corp.com", false}, {"corp.com.evil.com", false}} {
		id := person("a@corp.com")
		id.HostedDomain = tt.hd
		if got := p.Decide(id).Allowed; got != tt.want {
			t.Errorf("hd %q: allowed %v, want %v", tt.hd, got, tt.want)
		}
	}
	member := person("a@alias.example") // Workspace users can have addresses in alias domains
	member.HostedDomain = "corp.com"
	if !p.Decide(member).Allowed {
		t.Error("a member of the hosted domain was refused for the address")
	}
}

// SEC-DOM-03, SEC-DOM-10: no rule admits an address nobody verified, or none.
func TestUnverifiedOrMissingEmailIsRefusedByEveryRule(t *testing.T) {
	for name, rules := range map[string]Rules{
		"domain": {Domains: []string{"corp.com"}},
		"emails": {Emails: []string{"a@corp.com"}},
		"anyone": {Anyone: true},
	} {
		p := policy(t, rules)
		id := person("a@corp.com")
		id.HostedDomain = "corp.com"
		if !p.Decide(id).Allowed {
			t.Fatalf("%s: the control was refused", name)
		}
		unverified, missing := id, id
		unverified.EmailVerified, missing.Email = false, ""
		if p.Decide(unverified).Allowed {
			t.Errorf("%s: admitted an unverified address", name)
		}
		if p.Decide(missing).Allowed {
			t.Errorf("%s: admitted somebody without an address", name)
		}
		twice := id
		twice.Email = "a@evil.com@corp.com"
		if p.Decide(twice).Allowed {
			t.Errorf("%s: admitted an address with two @ (SEC-DOM-01)", name)
		}
		if p.Decide(identity.Identity{Email: "a@corp.com", EmailVerified: true, HostedDomain: "corp.com"}).Allowed {
			t.Errorf("%s: admitted nobody", name)
		}
	}
}

// SEC-DOM-07: absence of rules is an error, not an open door.
func TestNoRuleIsRefused(t *testing.T) {
	for _, r := range []Rules{{}, {Domains: []string{"", " "}}, {Emails: []string{" ", "no address"}}} {
		if _, err := NewPolicy(r); err == nil {
			t.Errorf("%+v was taken for a policy", r)
		}
	}
	for _, d := range []Decision{Policy{}.Decide(person("a@corp.com")), new(Book).Decide(person("a@corp.com"))} {
		if d.Allowed {
			t.Error("a zero value admits people")
		}
	}
}

// SEC-DOM-09: rules are OR.
func TestRulesAreAlternatives(t *testing.T) {
	p := policy(t, Rules{Domains: []string{"corp.com"}, Claim: EmailDomain, Emails: []string{"Guest@Gmail.com"}})
	for email, want := range map[string]bool{
		"a@corp.com": true, "guest@gmail.com": true, "GUEST@gmail.com": true, "other@gmail.com": false, "guest@evil.com": false,
	} {
		if got := p.Decide(person(email)).Allowed; got != want {
			t.Errorf("%s: allowed %v, want %v", email, got, want)
		}
	}
}

// SEC-DOM-13: a policy that is replaced holds from the next decision on.
func TestBookDecidesByTheNewestPolicy(t *testing.T) {
	var b Book
	b.Set(policy(t, Rules{Emails: []string{"a@corp.com"}}))
	if !b.Decide(person("a@corp.com")).Allowed {
		t.Fatal("the control was refused")
	}
	b.Set(policy(t, Rules{Emails: []string{"b@corp.com"}}))
	if b.Decide(person("a@corp.com")).Allowed {
		t.Error("the former policy still decides")
	}
}

func TestParseEmailsNamesTheLinesThatAreNone(t *testing.T) {
	emails, bad := ParseEmails("\ufeffA@corp.com\r\n\n# comment\nnot an address\nb@corp.com")
	if got, want := strings.Join(emails, " "), "a@corp.com b@corp.com"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(bad) != 1 || bad[0] != 4 {
		t.Errorf("bad lines %v, want [4]", bad)
	}
}

func FuzzDecideByEmailDomain(f *testing.F) {
	for _, s := range []string{"a@corp.com", "a@evil.com@corp.com", `"a@corp.com"@evil.com`, "a@corp.com."} {
		f.Add(s)
	}
	p, err := NewPolicy(Rules{Domains: []string{"corp.com"}, Claim: EmailDomain})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, email string) {
		if !p.Decide(person(email)).Allowed {
			return
		}
		domain := strings.ToLower(strings.TrimSuffix(email[strings.Index(email, "@")+1:], "."))
		if strings.Count(email, "@") != 1 || domain != "corp.com" {
			t.Errorf("%q admitted", email)
		}
	})
}
