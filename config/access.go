package config

import (
	"slices"
	"strings"
	"unicode"
)

// access reads who may pass. A Config without a rule does not come to be: nobody
// sets up a gate to let in nobody, and no rule must never mean everyone.
func (p *parser) access(r Raw, google bool) Access {
	a := Access{
		Domains:     p.domains(r.AllowedDomains, google),
		Emails:      p.emails(r.AllowedEmails),
		EmailsFile:  p.file("ALLOWED_EMAILS_FILE", r.AllowedEmailsFile),
		Groups:      p.groups(r.AllowedGroups),
		RolesFile:   p.file("ROLES_FILE", r.RolesFile),
		Anyone:      p.yes("ALLOW_ANYONE", r.AllowAnyone),
		DomainClaim: p.domainClaim("DOMAIN_CLAIM", r.DomainClaim, google),
	}
	ruled := a.Anyone || r.AllowedDomains != "" || r.AllowedEmails != "" || r.AllowedEmailsFile != "" || r.AllowedGroups != ""
	if !ruled && !p.faulty("ALLOWED_DOMAINS", "ALLOWED_EMAILS", "ALLOWED_EMAILS_FILE", "ALLOWED_GROUPS", "ALLOW_ANYONE") {
		p.fault("ALLOWED_DOMAINS", "is not set, nor is %[1]s_ALLOWED_EMAILS, %[1]s_ALLOWED_EMAILS_FILE or %[1]s_ALLOWED_GROUPS: "+
			"nobody could sign in; to let in every account of the provider, set %[1]s_ALLOW_ANYONE=true", prefix)
	}
	return a
}

func (p *parser) domains(value string, google bool) []string {
	var domains []string
	for _, entry := range p.list("ALLOWED_DOMAINS", value) {
		d := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(entry, "@"), "."))
		if problem := domainProblem(d, google); problem != "" {
			p.fault("ALLOWED_DOMAINS", "holds %s, %s", quote(entry), problem)
			continue
		}
		domains = append(domains, d)
	}
	return domains
}

func domainProblem(d string, google bool) string {
	switch {
	case d == "*":
		return "which would let in everyone; if you mean that, set " + prefix + "_ALLOW_ANYONE=true"
	case strings.Contains(d, "*"):
		return "but there are no wildcards; list each domain"
	case strings.Contains(d, "@"):
		return "which is an address; put it into " + prefix + "_ALLOWED_EMAILS"
	case !isASCII(d):
		return "with letters beyond ASCII; write it as xn--…"
	case !isDomain(d):
		return "which is not a domain"
	case google && (d == "gmail.com" || d == "googlemail.com"):
		// By hd nobody would match, by e-mail every consumer account.
		return "but consumer accounts have no hd claim; list their addresses in " + prefix + "_ALLOWED_EMAILS"
	}
	return ""
}

func (p *parser) emails(value string) []string {
	entries := p.list("ALLOWED_EMAILS", value)
	for _, entry := range entries {
		if problem := emailProblem(entry); problem != "" {
			p.fault("ALLOWED_EMAILS", "holds %s, %s", quote(entry), problem)
		}
	}
	return entries
}

func emailProblem(entry string) string {
	local, domain, _ := strings.Cut(entry, "@")
	switch {
	case isDomain(strings.ToLower(entry)), local == "", local == "*":
		return "which is not one address; put domains into " + prefix + "_ALLOWED_DOMAINS"
	case !isASCII(domain):
		return "whose domain has letters beyond ASCII; write it as xn--…"
	case strings.ContainsFunc(entry, unicode.IsSpace), strings.Contains(domain, "@"), !isDomain(strings.ToLower(domain)):
		return "which is not an address"
	}
	return ""
}

// emailsFile checks that the file can be read. What it says is parsed where it is
// watched.
// file checks that a file can be read; what is in it, others read.
func (p *parser) file(name, path string) string {
	if path == "" {
		return ""
	}
	f, err := openFile(path)
	if err != nil {
		p.fault(name, "names the file %q, which %s", path, cannotRead(err))
		return path
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.IsDir() {
		p.fault(name, "names %q, which is not a file", path)
	}
	return path
}

// yes takes no other spelling of true: what opens the gate to everyone must be
// written on purpose.
func (p *parser) yes(name, value string) bool {
	if value != "true" && value != "false" {
		p.fault(name, "is neither true nor false")
	}
	return value == "true"
}

func (p *parser) domainClaim(name, value string, google bool) string {
	switch {
	case value == "" && google:
		return "hd"
	case value == "":
		return "email"
	case !slices.Contains([]string{"hd", "email"}, value):
		p.fault(name, "is neither hd nor email")
	}
	return value
}
