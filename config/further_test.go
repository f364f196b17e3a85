package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// further are the pairs of settings with which a provider of that name works.
func further(name string) []string {
	at := strings.ToUpper(name) + "_"
	return []string{
		"PROVIDERS", name, at + "ISSUER", "https://" + name + ".example", at + "CLIENT_ID", name + " id", at + "CLIENT_SECRET", strong,
	}
}

func TestFurtherProvidersHaveSettingsOfTheirOwn(t *testing.T) {
	s := minimal().with(further("keycloak")...).with(further("okta")...).with(
		"PROVIDERS", " okta, keycloak ", "OKTA_TITLE", "Our Okta", "OKTA_EMAIL_DOMAINS", "@Corp.example.,b.example", "OKTA_DOMAIN_CLAIM", "hd",
		"OKTA_GROUPS_CLAIM", "teams", "OKTA_CLIENT_SECRET", "", "OKTA_CLIENT_SECRET_FILE", file(t, strong+"\n"),
		"KEYCLOAK_ISSUER", "https://keycloak.example/realms/a/")
	got := mustParse(t, s).Further
	want := []Further{
		{Name: "okta", DomainClaim: "hd", EmailDomains: []string{"corp.example", "b.example"}, Provider: Provider{
			Title: "Our Okta", Issuer: "https://okta.example", ClientID: "okta id", ClientSecret: NewSecret(strong), GroupsClaim: "teams",
		}},
		{Name: "keycloak", DomainClaim: "email", Provider: Provider{
			Title: "Keycloak", Issuer: "https://keycloak.example/realms/a/", ClientID: "keycloak id", ClientSecret: NewSecret(strong),
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	google := mustParse(t, minimal().with("ISSUER", "https://login.example").with(further("work")...).with("PUBLIC_URL", "https://a.example.com", "WORK_ISSUER", GoogleIssuer))
	if f := google.Further[0]; !f.Google || f.DomainClaim != "hd" || google.Access.DomainClaim != "email" {
		t.Errorf("Google as a further provider: %+v", f)
	}
}

// The names are computed here and by envconfig: they have to agree.
func TestFurtherProvidersAreReadFromTheEnvironment(t *testing.T) {
	t.Setenv("SIDEGATE_PROVIDERS", "okta,b2")
	for _, provider := range []string{"OKTA", "B2"} {
		new(RawProvider).each(func(_ reflect.StructTag, name string, _ *string) {
			t.Setenv("SIDEGATE_"+provider+"_"+name, provider+" "+name)
			t.Setenv(name, "somebody else's")
		})
	}
	raw, err := FromEnv()
	if err != nil || len(raw.Further) != 2 {
		t.Fatalf("%d providers, %v", len(raw.Further), err)
	}
	for provider, r := range raw.Further {
		r.each(func(_ reflect.StructTag, name string, value *string) {
			if want := strings.ToUpper(provider) + " " + name; *value != want {
				t.Errorf("%s %s: got %q, want %q", provider, name, *value, want)
			}
		})
	}
	t.Setenv("SIDEGATE_OTHER_ISSUER", "x")
	if _, err := FromEnv(); !strings.Contains(fmt.Sprint(err), "while SIDEGATE_PROVIDERS does not list other; the nearest known name is SIDEGATE_") {
		t.Errorf("a provider that is not listed: %v", err)
	}
}

// A setting whose provider is not listed is unknown, and nothing else becomes known by a
// provider.
func TestNamesOfFurtherProvidersAreKnownWhileTheyAreListed(t *testing.T) { // SEC-CFG-02
	for name, want := range map[string]string{
		"SIDEGATE_OKTA_ISSUER":             "",
		"SIDEGATE_OKTA_CLIENT_SECRET_FILE": "",
		"SIDEGATE_OKTA_CLIENTID":           "the nearest known name is SIDEGATE_OKTA_CLIENT_ID",
		"SIDEGATE_OKTA_ALLOWED_DOMAINS":    "is not a setting; the nearest known name is SIDEGATE_ALLOWED_DOMAINS",
		"SIDEGATE_OKTA2_ISSUER":            "does not list okta2; the nearest known name is SIDEGATE_OKTA_ISSUER",
		"SIDEGATE_okta_ISSUER":             "is not a setting; the nearest known name is SIDEGATE_OKTA_ISSUER",
		"SIDEGATE_DOMAIN_TITLE":            "is not a setting; the nearest",
	} {
		err := unknownNames([]string{"SIDEGATE_PROVIDERS=okta, session, BAD", name + "=x"})
		if want == "" && err != nil || want != "" && !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

func TestFaultsOfFurtherProvidersNameTheirSetting(t *testing.T) {
	for _, tt := range []struct {
		set  []string
		name string
		want string
	}{
		{[]string{"PROVIDERS", "Okta"}, "PROVIDERS", "cannot be a name"},
		{[]string{"PROVIDERS", "o-k"}, "PROVIDERS", "cannot be a name"},
		{[]string{"PROVIDERS", "okta/.."}, "PROVIDERS", "cannot be a name"},
		{[]string{"PROVIDERS", "o:k"}, "PROVIDERS", "cannot be a name"},
		{[]string{"PROVIDERS", "1okta"}, "PROVIDERS", "cannot be a name"},
		{[]string{"PROVIDERS", strings.Repeat("a", 21)}, "PROVIDERS", "cannot be a name"},
		{[]string{"PROVIDERS", "main"}, "PROVIDERS", "SIDEGATE_ISSUER"},
		{[]string{"PROVIDERS", "session"}, "PROVIDERS", "SIDEGATE_SESSION…"},
		{[]string{"PROVIDERS", "google"}, "PROVIDERS", "SIDEGATE_GOOGLE…"},
		{[]string{"PROVIDERS", "issuer"}, "PROVIDERS", "SIDEGATE_ISSUER…"},
		{[]string{"PROVIDERS", ","}, "PROVIDERS", "without an entry"},
		{[]string{"PROVIDERS", "okta,okta"}, "PROVIDERS", "twice"},
		{[]string{"OKTA_ISSUER", ""}, "OKTA_ISSUER", "is not set, but SIDEGATE_PROVIDERS lists okta"},
		{[]string{"OKTA_CLIENT_ID", ""}, "OKTA_CLIENT_ID", "is not set"},
		{[]string{"OKTA_CLIENT_SECRET", ""}, "OKTA_CLIENT_SECRET", "is not set"},
		{[]string{"OKTA_CLIENT_SECRET_FILE", "/x"}, "OKTA_CLIENT_SECRET_FILE", "set one of the two"},
		{[]string{"OKTA_CLIENT_SECRET", "", "OKTA_CLIENT_SECRET_FILE", "/no/such"}, "OKTA_CLIENT_SECRET_FILE", "cannot be read"},
		{[]string{"OKTA_ISSUER", "http://okta.example"}, "OKTA_ISSUER", "has to be https"},
		{[]string{"OKTA_ISSUER", GoogleIssuer}, "OKTA_ISSUER", "of another provider"},
		{[]string{"OKTA_ISSUER", GoogleIssuer + "/"}, "OKTA_ISSUER", "not as Google writes it"},
		{[]string{"OKTA_DOMAIN_CLAIM", "sub"}, "OKTA_DOMAIN_CLAIM", "neither hd nor email"},
		{[]string{"OKTA_EMAIL_DOMAINS", "*.example"}, "OKTA_EMAIL_DOMAINS", "not a domain"},
		{[]string{"OKTA_EMAIL_DOMAINS", ","}, "OKTA_EMAIL_DOMAINS", "without an entry"},
		{[]string{"OKTA_TITLE", strings.Repeat("a", 61)}, "OKTA_TITLE", "longer than"},
		{[]string{"OKTA_TITLE", "a\nb"}, "OKTA_TITLE", "control character"},
		{[]string{"ISSUER", "https://x.example", "OKTA_ISSUER", GoogleIssuer, "PUBLIC_URL", "https://app.internal"}, "PUBLIC_URL", "Google demands"},
	} {
		s := minimal().with(tt.set...)
		if list := s["PROVIDERS"]; list == "" || len(providerNames(list)) > 0 {
			s = minimal().with(further("okta")...).with(tt.set...)
		}
		_, err := s.raw(t).Parse()
		if got := faultNames(err); !slices.Equal(got, []string{tt.name}) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), strong) {
			t.Errorf("%q: %v, want %s %s", tt.set, err, tt.name, tt.want)
		}
	}
}

func TestDescribeShowsFurtherProviders(t *testing.T) {
	s := minimal().with(further("okta")...).with("OKTA_EMAIL_DOMAINS", "a.example,b.example", "OKTA_GROUPS_CLAIM", "teams")
	got := describe(t, s)
	for _, want := range []string{
		"SIDEGATE_PROVIDERS=okta\n", "SIDEGATE_OKTA_ISSUER=https://okta.example\n", "SIDEGATE_OKTA_CLIENT_ID=okta id\n",
		"SIDEGATE_OKTA_CLIENT_SECRET=" + mask + "\n", "SIDEGATE_OKTA_TITLE=Okta\n", "SIDEGATE_OKTA_EMAIL_DOMAINS=a.example,b.example\n",
		"SIDEGATE_OKTA_DOMAIN_CLAIM=email\n", "SIDEGATE_OKTA_GROUPS_CLAIM=teams\n",
		"# redirect URI to register at okta: http://localhost:8080/_gate/callback/okta\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	const warning = "the provider okta is believed of any e-mail address"
	if strings.Contains(got, strong) || strings.Contains(got, warning) {
		t.Errorf("got %s", got)
	}
	if got := describe(t, s.with("OKTA_EMAIL_DOMAINS", "")); !strings.Contains(got, warning) {
		t.Errorf("nothing says that okta may say anything:\n%s", got)
	}
	if got := fmt.Sprintf("%v %+v %#v", s.raw(t).Further, s.raw(t).Further, s.raw(t).Further["okta"]); strings.Contains(got, strong) {
		t.Errorf("printed: %s", got)
	}
}

// Google's sign-in tells no groups, but a further provider's may.
func TestGroupsOfAFurtherProviderAreARule(t *testing.T) {
	s := minimal().with(further("okta")...).with("ALLOWED_GROUPS", "staff")
	if _, err := s.raw(t).Parse(); !slices.Equal(faultNames(err), []string{"ALLOWED_GROUPS"}) {
		t.Errorf("nobody tells groups: %v", err)
	}
	mustParse(t, s.with("OKTA_GROUPS_CLAIM", "groups"))
}
