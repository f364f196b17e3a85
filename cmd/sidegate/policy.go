package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"sidegate/access"
	"sidegate/config"
	"sidegate/identity"
	"sidegate/login"
	"sidegate/session"
)

// policyStep is how often the files of e-mails and roles are looked at, and those
// whose connections are open.
const policyStep = 2 * time.Second

// policyFile keeps who may pass, and in which roles, in step with ALLOWED_EMAILS_FILE,
// ROLES_FILE and people's groups.
type policyFile struct {
	rules     access.Rules // all but the file's
	emails    watchedFile
	roles     watchedFile
	directory *login.Directory // nil: nobody is asked for groups
	book      access.Book
	live      *session.Live
	log       *slog.Logger
	looks     int // at open connections, still to be taken since a file changed
}

func openPolicy(c config.Access, providers access.Providers, live *session.Live, log *slog.Logger) (*policyFile, error) {
	p := &policyFile{
		rules: access.Rules{
			Domains: c.Domains, Claim: access.DomainClaim(c.DomainClaim),
			Emails: c.Emails, Groups: c.Groups, Anyone: c.Anyone, Providers: providers,
		},
		emails: watchedFile{name: "SIDEGATE_ALLOWED_EMAILS_FILE", path: c.EmailsFile},
		roles:  watchedFile{name: "SIDEGATE_ROLES_FILE", path: c.RolesFile},
		live:   live, log: log,
	}
	rules, err := p.readRules()
	if err != nil {
		return nil, err
	}
	policy, err := access.NewPolicy(rules)
	if err != nil {
		return nil, fmt.Errorf("%s holds no e-mail address, so nobody may pass: write one address a line", p.emails.path)
	}
	p.book.Set(policy)
	if p.roles.path == "" {
		return p, nil
	}
	roles, err := p.readRoles()
	if err != nil {
		return nil, &config.Fault{
			Name: p.roles.name, Problem: fmt.Sprintf("names the file %q, in which %v", p.roles.path, err),
			Example: "/etc/sidegate/roles.txt",
		}
	}
	p.book.SetRoles(roles)
	return p, nil
}

// useDirectory has d asked for people's groups. It is called before anybody comes.
func (p *policyFile) useDirectory(d *login.Directory) {
	p.directory, p.book.Directory = d, d
}

// readRules returns all rules, the file's included.
func (p *policyFile) readRules() (access.Rules, error) {
	rules := p.rules
	text, err := p.emails.read()
	if err != nil {
		return rules, err
	}
	emails, bad := access.ParseEmails(text)
	if len(bad) > 0 {
		p.log.Warn("some lines are no e-mail address and admit nobody", "file", p.emails.path, "lines", bad)
	}
	rules.Emails = slices.Concat(rules.Emails, emails)
	return rules, nil
}

func (p *policyFile) readRoles() (access.RoleMap, error) {
	text, err := p.roles.read()
	if err != nil {
		return access.RoleMap{}, err
	}
	return access.ParseRoles(text, p.rules.Claim, p.rules.Providers)
}

// watch follows the files, and the groups of people whose connections are open. Who is
// no longer admitted loses those at once, and everything else at the next request. A
// WebSocket whose app was told of groups or roles that are others now is closed, so
// that the page opens a new one.
func (p *policyFile) watch(ctx context.Context) {
	if p.emails.path != "" || p.roles.path != "" || p.directory != nil {
		every(ctx, policyStep, p.reload)
	}
}

// looksAfterChange: the second finds a connection whose headers were made before the
// change, and which was registered after the first.
const looksAfterChange = 2

func (p *policyFile) reload() {
	if p.emails.changed() {
		p.reloadRules()
		p.looks = looksAfterChange
	}
	if p.roles.changed() {
		p.reloadRoles()
		p.looks = looksAfterChange
	}
	p.refresh()
	if p.looks > 0 || p.directory != nil { // groups change without a file
		p.looks = max(p.looks-1, 0)
		p.apply()
	}
}

func (p *policyFile) reloadRules() {
	rules, err := p.readRules()
	if news := p.emails.news(err); err != nil {
		// A file that is being replaced is away for a moment: nobody gains by that,
		// and nobody loses.
		if news {
			p.log.Warn("the e-mail file cannot be read; the last list stays in force", "error", err)
		}
		return
	}
	// A file that was emptied admits nobody: the zero Policy.
	policy, err := access.NewPolicy(rules)
	if err != nil {
		policy = access.Policy{}
	}
	p.book.Set(policy)
	p.log.Info("e-mail file read again", "file", p.emails.path, "addresses", len(rules.Emails))
}

func (p *policyFile) reloadRoles() {
	roles, err := p.readRoles()
	if news := p.roles.news(err); err != nil {
		if news {
			p.log.Warn("the role map has a mistake or cannot be read; the last good one stays in force", "file", p.roles.path, "error", err)
		}
		return
	}
	p.book.SetRoles(roles)
	p.log.Info("role map read again", "file", p.roles.path, "entries", roles.Len())
}

// refresh asks again about those whose connections are open, when that is due: an open
// page may send nothing for hours.
func (p *policyFile) refresh() {
	if p.directory == nil {
		return
	}
	for _, s := range p.live.Sessions() {
		p.directory.Refresh(s.Identity)
	}
}

// apply holds all open connections to what is true now.
func (p *policyFile) apply() {
	closed := p.live.CloseWho(func(id identity.Identity) bool { return !p.book.Decide(id).Allowed })
	renewed := p.live.Renew(func(s session.Session, told identity.Identity) bool {
		now, _ := p.book.Look(s.Identity)
		return !slices.Equal(now.Roles, told.Roles) || !slices.Equal(now.Groups, told.Groups)
	})
	if closed > 0 || renewed > 0 {
		p.log.Info("connections closed, as people's rights have changed", "refused", closed, "to_reconnect", renewed)
	}
}
