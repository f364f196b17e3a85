package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"sidegate/config"
	"sidegate/doctor"
	"sidegate/session"
)

const settingsGroup = "Settings"

// settingsChecks look at the settings and at this machine. They ask nobody.
func (p *patient) settingsChecks() []doctor.Check {
	listen := p.listen() // now: what looks at the public address must not find this look there
	return []doctor.Check{
		{Group: settingsGroup, Name: "settings", Look: p.settings},
		{Group: settingsGroup, Name: "public-url", Look: p.public},
		{Group: settingsGroup, Name: "client", Look: p.clientSettings},
		{Group: settingsGroup, Name: "access", Look: p.access},
		{Group: settingsGroup, Name: "files", Look: func(context.Context) []doctor.Finding { return doctor.Private(p.secretFiles()) }},
		doctor.Simple(settingsGroup, "listen", func(context.Context) doctor.Finding { return listen }),
	}
}

// checkOf is the check that a setting belongs to.
func checkOf(setting string) string {
	switch name := strings.TrimPrefix(setting, "SIDEGATE_"); {
	case name == "PUBLIC_URL":
		return "public-url"
	case strings.HasPrefix(name, "CLIENT_"):
		return "client"
	case strings.HasPrefix(name, "ALLOW"), name == "DOMAIN_CLAIM":
		return "access"
	}
	return "settings"
}

// faultsIn are the faults of the settings that belong to a check.
func (p *patient) faultsIn(check string) (found []doctor.Finding) {
	for _, f := range p.faults {
		of := checkOf(f.Name)
		if strings.HasPrefix(f.Problem, "is not a setting") {
			of = "settings" // whatever it is like
		}
		if of == check && !(f.Name == "SIDEGATE_CLIENT_SECRET" && missing(f) && p.raw.ClientID == "") {
			found = append(found, findingOf(f))
		}
	}
	return found
}

// findingOf takes a fault apart: what stands behind the last semicolon of most is what
// to do.
func findingOf(f *config.Fault) doctor.Finding {
	says, remedy := f.Problem, ""
	switch {
	case !missing(f):
	case f.Name == "SIDEGATE_CLIENT_ID":
		return doctor.Bad("there is no OAuth client: SIDEGATE_CLIENT_JSON is not set, nor is "+f.Name,
			"Create a client of the type Web application in the provider's console, download its file, and set SIDEGATE_CLIENT_JSON=client_secret_….json; or SIDEGATE_CLIENT_ID and SIDEGATE_CLIENT_SECRET.")
	case f.Name == "SIDEGATE_ALLOWED_DOMAINS":
		return doctor.Bad("nobody may enter: no setting names a domain, an e-mail or a group",
			"Say who may: SIDEGATE_ALLOWED_EMAILS=you@gmail.com, or SIDEGATE_ALLOWED_DOMAINS=your-company.com")
	}
	if i := strings.Index(f.Problem, "; "); i > 0 {
		says, remedy = f.Problem[:i], upperFirst(f.Problem[i+2:])+"."
	}
	if f.Example != "" {
		remedy = strings.TrimSpace(remedy + " For example " + f.Name + "=" + f.Example)
	}
	if remedy == "" {
		remedy = "`sidegate settings` lists what there is."
	}
	return doctor.Bad(f.Name+" "+says, remedy)
}

// missing reports whether a setting has only been forgotten.
func missing(f *config.Fault) bool { return strings.HasPrefix(f.Problem, "is not set") }

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (p *patient) settings(context.Context) []doctor.Finding {
	found := p.faultsIn("settings")
	for _, c := range p.cautions() {
		switch checkOf(c.Name) {
		case "public-url", "access":
		default:
			if c.Name != "SIDEGATE_SESSION_STORE" && !(p.noApp && c.Name == "SIDEGATE_UPSTREAM") {
				found = append(found, doctor.Beware(c.Text, "Look at "+c.Name+"."))
			}
		}
	}
	if len(found) == 0 {
		found = append(found, doctor.Good("every setting is understood, none is unknown"))
	}
	return found
}

// cautions are those of settings without a fault.
func (p *patient) cautions() []config.Caution {
	if len(p.faults) > 0 {
		return nil
	}
	return p.config.Cautions()
}

func (p *patient) public(context.Context) []doctor.Finding {
	if found := p.faultsIn("public-url"); len(found) > 0 {
		return found
	}
	for _, c := range p.cautions() {
		if c.Name == "SIDEGATE_PUBLIC_URL" && strings.Contains(c.Text, "another port") && !p.running {
			return []doctor.Finding{doctor.Beware(c.Text, "Look at SIDEGATE_PUBLIC_URL and SIDEGATE_LISTEN.")}
		}
	}
	note := ""
	if p.config.Public.Scheme == "http" {
		note = ", for browsers on this machine"
	}
	return []doctor.Finding{doctor.Good("%s%s", p.config.Public, note)}
}

// notRead is why something is not known though it has no fault.
const notRead = "the file with settings was not read, see above"

func (p *patient) clientSettings(context.Context) []doctor.Finding {
	if found := p.faultsIn("client"); len(found) > 0 {
		return found
	}
	if p.config.Provider.ClientID == "" {
		return []doctor.Finding{doctor.Unknown(notRead)}
	}
	id := shortenTo(p.config.Provider.ClientID, 60)
	if p.raw.ClientJSON != "" {
		return []doctor.Finding{doctor.Good("%s, a web client, from its file", id)}
	}
	return []doctor.Finding{doctor.Good("%s", id)}
}

func shortenTo(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

func (p *patient) access(context.Context) []doctor.Finding {
	if found := p.faultsIn("access"); len(found) > 0 {
		return found
	}
	if whoMayEnter(p.config.Access) == "nobody" {
		return []doctor.Finding{doctor.Unknown(notRead)}
	}
	_, err := openPolicy(p.config.Access, judged(p.config), &session.Live{}, slog.New(slog.DiscardHandler))
	if faults := faultsOf(err); len(faults) > 0 {
		return []doctor.Finding{findingOf(faults[0])}
	}
	if err != nil {
		return []doctor.Finding{doctor.Bad(err.Error(), "Correct the file: one address a line, such as ann@example.com.")}
	}
	if p.config.Access.Anyone {
		return []doctor.Finding{doctor.Beware("every account of the provider may enter", "Set SIDEGATE_ALLOWED_DOMAINS or SIDEGATE_ALLOWED_EMAILS in place of SIDEGATE_ALLOW_ANYONE, unless you mean it.")}
	}
	for _, c := range p.cautions() {
		if c.Name == "SIDEGATE_DOMAIN_CLAIM" {
			return []doctor.Finding{doctor.Beware(c.Text, "Set SIDEGATE_DOMAIN_CLAIM=hd.")}
		}
	}
	return []doctor.Finding{doctor.Good("may enter: %s", shortenTo(whoMayEnter(p.config.Access), 60))}
}

// secretFiles are those that the settings name, and the one that compose reads.
func (p *patient) secretFiles() []doctor.SecretFile {
	files := []doctor.SecretFile{{Setting: "read by compose", Path: ".env"}}
	for _, f := range []doctor.SecretFile{
		{Setting: "SIDEGATE_CLIENT_JSON", Path: p.raw.ClientJSON}, {Setting: "SIDEGATE_CLIENT_SECRET_FILE", Path: p.raw.ClientSecretFile},
		{Setting: "SIDEGATE_GOOGLE_GROUPS_JSON", Path: p.raw.GoogleGroupsJSON}, {Setting: "SIDEGATE_SESSION_STORE_FILE", Path: p.raw.SessionStoreFile},
		{Setting: "SIDEGATE_SECRET_FILE", Path: p.raw.SecretFile},
	} {
		if f.Path != "" {
			files = append(files, f)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.raw.Further)) {
		if f := p.raw.Further[name].ClientSecretFile; f != "" {
			files = append(files, doctor.SecretFile{Setting: "SIDEGATE_" + strings.ToUpper(name) + "_CLIENT_SECRET_FILE", Path: f})
		}
	}
	if path := p.config.Session.Store.Path; path != "" {
		files = append(files, doctor.SecretFile{Setting: "the key of SIDEGATE_SESSION_STORE", Path: path + ".key"})
	}
	return files
}

func (p *patient) listen() doctor.Finding {
	if p.config.Listen == "" || p.config.AdminListen == "" {
		return doctor.Unknown("SIDEGATE_LISTEN or SIDEGATE_ADMIN_LISTEN has a fault")
	}
	return doctor.Listening(p.running,
		doctor.Listener{Setting: "SIDEGATE_LISTEN", Addr: p.config.Listen},
		doctor.Listener{Setting: "SIDEGATE_ADMIN_LISTEN", Addr: p.config.AdminListen})
}

// storeName is how a store is called in a finding.
func storeName(s config.Store) string {
	switch s.Kind {
	case config.StoreFile:
		return fmt.Sprintf("the file %s", s.Path)
	case config.StoreRedis:
		return "Redis"
	}
	return "memory"
}
