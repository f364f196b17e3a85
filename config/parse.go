package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"time"
)

// maxFile bounds, in bytes, a file that holds one setting.
const maxFile = 64 << 10

// Parse checks r and returns what it means. It reads the files that r names; the
// error holds every Fault at once, so that one start shows all there is to mend.
func (r Raw) Parse() (Config, error) {
	c, err := r.Diagnose()
	if err != nil {
		return Config{}, err
	}
	return c, nil
}

// Diagnose is Parse for whoever looks for what is wrong: beside the faults it returns
// what could be understood, so that the rest can be looked at as well. What had a fault
// is zero or wrong: never serve with it.
func (r Raw) Diagnose() (c Config, faults error) {
	p := new(parser)
	r = p.read(r)

	c.Provider.Issuer = p.issuer("ISSUER", r.Issuer)
	c.Provider.Google = c.Provider.Issuer == GoogleIssuer
	c.Provider.Title = c.Provider.name()
	c.Further = p.further(r, c.Provider.Issuer)
	c.Public = p.publicURL(r.PublicURL, c.atGoogle())
	c.Provider.ClientID, c.Provider.ClientSecret = p.client(r, c.Public)
	c.Provider.Scopes = p.scopes("SCOPES", r.Scopes)
	c.Provider.Connect = p.scopes("CONNECT_SCOPES", r.ConnectScopes)
	c.Provider.GroupsClaim = r.GroupsClaim
	c.Access = p.access(r, c.Provider.Google)
	c.Groups = p.directory(r, c.Provider.Google, c.Further)
	c.Session = p.session(r)
	c.Listen, c.AdminListen = p.listeners(r)
	c.Upstream = p.upstream(r.Upstream, c.Listen)
	c.Proxy = Proxy{
		App:         p.app(r.App),
		Trusted:     p.trustedProxies(r.TrustedProxies),
		Origins:     p.origins(r.AllowedOrigins),
		PublicPaths: p.publicPaths(r.PublicPaths),
		Headers:     p.headers(r.Headers),
		TokenHeader: p.tokenHeader(r.TokenHeader),
		Notice:      p.yes("NOTICE", r.Notice),
	}
	c.Pages = p.pages(r)
	c.Drain = p.duration("DRAIN", r.Drain)
	c.Log = p.log(r)
	c.EnvFile = r.EnvFile

	return c, errors.Join(p.faults...)
}

// parser collects faults. Its methods go on after one with a zero value, so that
// the next setting gets its turn.
type parser struct {
	faults []error
}

// fault notes a problem of the setting name (less its prefix). The text must not
// hold a secret, nor a URL.
func (p *parser) fault(name, format string, args ...any) {
	p.faults = append(p.faults, &Fault{
		Name: prefix + "_" + name, Problem: fmt.Sprintf(format, args...), Example: exampleOf(name),
	})
}

// exampleOf returns the example of a setting, of a further provider's too.
func exampleOf(name string) (example string) {
	is := func(name string) func(reflect.StructTag, string, *string) {
		return func(tag reflect.StructTag, n string, _ *string) {
			if n == name {
				example = tag.Get("example")
			}
		}
	}
	new(Raw).each(is(name))
	if _, setting, found := strings.Cut(name, "_"); found && example == "" {
		new(RawProvider).each(is(setting))
	}
	return example
}

// faulty reports whether one of the settings has a fault already. What is missing
// because it was refused is not reported a second time as missing.
func (p *parser) faulty(names ...string) bool {
	return slices.ContainsFunc(p.faults, func(err error) bool {
		f, ok := errors.AsType[*Fault](err)
		return ok && slices.Contains(names, strings.TrimPrefix(f.Name, prefix+"_"))
	})
}

// read trims every value, fetches the secrets that live in files and fills in the
// defaults.
func (p *parser) read(r Raw) Raw {
	r.each(func(_ reflect.StructTag, name string, value *string) {
		*value = p.clean(name, *value)
	})
	r.ClientSecret = p.fromFile("CLIENT_SECRET", r.ClientSecret, r.ClientSecretFile)
	r.SessionStore = p.fromFile("SESSION_STORE", r.SessionStore, r.SessionStoreFile)
	r.Secret = p.fromFile("SECRET", r.Secret, r.SecretFile)
	return r.WithDefaults()
}

func (p *parser) clean(name, value string) string {
	trimmed := strings.TrimSpace(value)
	switch {
	case value != "" && trimmed == "":
		p.fault(name, "holds only blanks")
	case strings.ContainsFunc(trimmed, isControl):
		p.fault(name, "holds a control character, such as a line break")
		return ""
	}
	return trimmed
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

// fromFile returns the value of the secret setting name, which stands in the
// environment or in the file that NAME_FILE names.
func (p *parser) fromFile(name, value, path string) string {
	if path == "" {
		return value
	}
	if value != "" {
		p.fault(name+"_FILE", "is set, and %s_%s too; set one of the two", prefix, name)
		return value
	}
	content, problem := readFile(path)
	if problem == "" && strings.TrimSpace(content) == "" {
		problem = "is empty"
	}
	if problem != "" {
		p.fault(name+"_FILE", "names the file %q, which %s", path, problem)
		return ""
	}
	return p.clean(name+"_FILE", content)
}

// readFile returns a small file, or what is wrong with it as the end of a
// sentence.
func readFile(path string) (content, problem string) {
	f, err := openFile(path)
	if err != nil {
		return "", cannotRead(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return "", cannotRead(err)
	case len(b) > maxFile:
		return "", fmt.Sprintf("is larger than %d bytes", maxFile)
	}
	return string(b), ""
}

func cannotRead(err error) string {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err // the path stands in the sentence already
	}
	return "cannot be read: " + err.Error()
}

// list splits a comma list. Blank entries are nothing, a list of nothing else is
// a mistake: it must not look like a rule (SEC-DOM-07).
func (p *parser) list(name, value string) []string {
	var entries []string
	for entry := range strings.SplitSeq(value, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			entries = append(entries, entry)
		}
	}
	if value != "" && entries == nil {
		p.fault(name, "is a list without an entry")
	}
	return entries
}

// duration parses a time that is not negative.
func (p *parser) duration(name, value string) time.Duration {
	d, err := time.ParseDuration(value)
	switch {
	case err != nil:
		p.fault(name, "is not a duration; write a number with its unit: h, m or s (a week is 168h)")
	case d < 0:
		p.fault(name, "is negative")
	default:
		return d
	}
	return 0
}

// quote shows one entry of a list that is no secret. An entry with both :// and @
// may be a URL with a password.
func quote(entry string) string {
	if strings.Contains(entry, "://") && strings.Contains(entry, "@") {
		return "an entry"
	}
	return fmt.Sprintf("%.100q", entry)
}
