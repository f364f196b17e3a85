package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// RawProvider is the settings of a further provider, as somebody wrote them. Their names
// are those of the fields with the provider's between: SIDEGATE_OKTA_CLIENT_ID. They are
// never tagged, as those of Raw.
type RawProvider struct {
	Issuer           string `split_words:"true" desc:"the OpenID provider NAME, required; no two have the same" example:"https://example.okta.com"`
	ClientID         string `split_words:"true" desc:"OAuth client id there, required; the redirect URI to register is PUBLIC_URL/_gate/callback/name" example:"0oa1b2c3d4"`
	ClientSecret     string `split_words:"true" secret:"true" desc:"OAuth client secret there, required" example:"…"`
	ClientSecretFile string `split_words:"true" example:"/run/secrets/okta_client_secret"`
	Title            string `split_words:"true" desc:"what its button says; not set: the name" example:"Okta"`
	EmailDomains     string `split_words:"true" desc:"comma list of domains of whose addresses it is believed; not set: of all, so that whoever runs it can be anybody" example:"example.com"`
	DomainClaim      string `split_words:"true" desc:"as SIDEGATE_DOMAIN_CLAIM, for its accounts" example:"email"`
	GroupsClaim      string `split_words:"true" desc:"claim of its ID token that lists the person's groups; not set: its groups count for nothing" example:"groups"`
}

// Format keeps the secret out of fmt, as Raw's does.
func (r RawProvider) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(mask)) }

// MarshalText keeps the secret out of encoding/json and log/slog.
func (r RawProvider) MarshalText() ([]byte, error) { return []byte(mask), nil }

func (r *RawProvider) each(visit func(tag reflect.StructTag, name string, value *string)) {
	eachField(reflect.ValueOf(r).Elem(), visit)
}

// Further is a provider besides the main one.
type Further struct {
	Name string // in small letters, as in its redirect URI
	Provider
	DomainClaim  string   // "hd" or "email"
	EmailDomains []string // lower-case ASCII; empty: all
}

// FurtherSettings describes the settings of each further provider, with <NAME> where
// its name belongs.
func FurtherSettings() []Setting {
	var all []Setting
	new(RawProvider).each(func(tag reflect.StructTag, name string, _ *string) {
		if tag.Get("desc") != "" {
			all = append(all, settingOf(tag, "<NAME>_"+name))
		}
	})
	return all
}

// FurtherRedirectURI is where the provider called name sends people back to.
func (c Config) FurtherRedirectURI(name string) string { return c.RedirectURI() + "/" + name }

// providerNames returns those names of the list that can be names, each once.
func providerNames(list string) (names []string) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); providerNameProblem(name) == "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// readFurther reads the settings of the providers that are listed.
func readFurther(list string) (further map[string]RawProvider, err error) {
	for _, name := range providerNames(list) {
		var r RawProvider
		if err := envconfig.Process(prefix+"_"+strings.ToUpper(name), &r); err != nil {
			return nil, err
		}
		if further == nil {
			further = make(map[string]RawProvider)
		}
		further[name] = r
	}
	return further, nil
}

var providerName = regexp.MustCompile(`^[a-z][a-z0-9]{0,19}$`)

// providerNameProblem: a name is part of a path, of people's subjects and of settings,
// and may make none of them ambiguous.
func providerNameProblem(name string) string {
	taken := false
	new(Raw).each(func(_ reflect.StructTag, setting string, _ *string) {
		first, _, _ := strings.Cut(setting, "_")
		if strings.EqualFold(first, name) {
			taken = true
		}
	})
	switch {
	case !providerName.MatchString(name):
		return "which cannot be a name: a small letter, then small letters and digits, at most 20"
	case name == "main":
		return "which is the name of the provider of " + prefix + "_ISSUER"
	case taken:
		return fmt.Sprintf("with which other settings begin (%s_%s…); choose another name", prefix, strings.ToUpper(name))
	}
	return ""
}

// further reads the further providers.
func (p *parser) further(r Raw, main string) (all []Further) {
	issuers := []string{main}
	var names []string
	for _, name := range p.list("PROVIDERS", r.Providers) {
		problem := providerNameProblem(name)
		if slices.Contains(names, name) {
			problem = "which is in it twice"
		}
		if problem != "" {
			p.fault("PROVIDERS", "holds %s, %s", quote(name), problem)
			continue
		}
		names = append(names, name)
		f := p.furtherProvider(name, r.Further[name])
		if f.Issuer != "" && slices.Contains(issuers, f.Issuer) {
			// Its people would be known by two names, and be judged by either's rules.
			p.fault(strings.ToUpper(name)+"_ISSUER", "is that of another provider here too")
		}
		issuers = append(issuers, f.Issuer)
		all = append(all, f)
	}
	return all
}

func (p *parser) furtherProvider(name string, r RawProvider) Further {
	at := strings.ToUpper(name) + "_"
	r.each(func(_ reflect.StructTag, setting string, value *string) {
		*value = p.clean(at+setting, *value)
	})
	r.ClientSecret = p.fromFile(at+"CLIENT_SECRET", r.ClientSecret, r.ClientSecretFile)
	for _, needed := range []struct{ setting, value string }{
		{"ISSUER", r.Issuer}, {"CLIENT_ID", r.ClientID}, {"CLIENT_SECRET", r.ClientSecret},
	} {
		if needed.value == "" && !p.faulty(at+needed.setting, at+needed.setting+"_FILE") {
			p.fault(at+needed.setting, "is not set, but %s_PROVIDERS lists %s", prefix, name)
		}
	}
	f := Further{Name: name, EmailDomains: p.emailDomains(at+"EMAIL_DOMAINS", r.EmailDomains)}
	if r.Issuer != "" {
		f.Issuer = p.issuer(at+"ISSUER", r.Issuer)
	}
	f.Google = f.Issuer == GoogleIssuer
	f.ClientID, f.ClientSecret, f.GroupsClaim = r.ClientID, NewSecret(r.ClientSecret), r.GroupsClaim
	f.DomainClaim = p.domainClaim(at+"DOMAIN_CLAIM", r.DomainClaim, f.Google)
	f.Title = p.title(at+"TITLE", r.Title, strings.ToUpper(name[:1])+name[1:])
	return f
}

// maxTitle bounds what a button says, in bytes.
const maxTitle = 60

func (p *parser) title(name, value, usual string) string {
	if len(value) > maxTitle {
		p.fault(name, "is longer than %d bytes", maxTitle)
	}
	if value == "" {
		return usual
	}
	return value
}

func (p *parser) emailDomains(name, value string) (domains []string) {
	for _, entry := range p.list(name, value) {
		d := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(entry, "@"), "."))
		if !isASCII(d) || !isDomain(d) {
			p.fault(name, "holds %s, which is not a domain", quote(entry))
			continue
		}
		domains = append(domains, d)
	}
	return domains
}

// rows are its settings as Describe shows them.
func (f Further) rows() [][2]string {
	at := strings.ToUpper(f.Name) + "_"
	return [][2]string{
		{at + "ISSUER", f.Issuer},
		{at + "CLIENT_ID", f.ClientID},
		{at + "CLIENT_SECRET", f.ClientSecret.String()},
		{at + "TITLE", f.Title},
		{at + "EMAIL_DOMAINS", strings.Join(f.EmailDomains, ",")},
		{at + "DOMAIN_CLAIM", f.DomainClaim},
		{at + "GROUPS_CLAIM", f.GroupsClaim},
	}
}
