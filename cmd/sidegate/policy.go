package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"sidegate/access"
	"sidegate/config"
	"sidegate/identity"
	"sidegate/session"
)

// policyStep is how often the e-mail file is looked at.
const policyStep = 2 * time.Second

// policyFile keeps the policy in force in step with ALLOWED_EMAILS_FILE.
type policyFile struct {
	rules access.Rules // all but the file's
	path  string       // "": there is no file
	seen  fs.FileInfo
	book  access.Book
	live  *session.Live
	log   *slog.Logger
}

func openPolicy(c config.Access, live *session.Live, log *slog.Logger) (*policyFile, error) {
	p := &policyFile{
		rules: access.Rules{
			Domains: c.Domains, Claim: access.DomainClaim(c.DomainClaim),
			Emails: c.Emails, Anyone: c.Anyone,
		},
		path: c.EmailsFile, live: live, log: log,
	}
	rules, err := p.read()
	if err != nil {
		return nil, err
	}
	policy, err := access.NewPolicy(rules)
	if err != nil {
		return nil, fmt.Errorf("%s holds no e-mail address, so nobody may pass: write one address a line", p.path)
	}
	p.book.Set(policy)
	return p, nil
}

// read returns all rules, the file's included.
func (p *policyFile) read() (access.Rules, error) {
	rules := p.rules
	if p.path == "" {
		return rules, nil
	}
	info, err := os.Stat(p.path)
	if err != nil {
		return rules, fmt.Errorf("SIDEGATE_ALLOWED_EMAILS_FILE: %w", err)
	}
	text, err := os.ReadFile(p.path)
	if err != nil {
		return rules, fmt.Errorf("SIDEGATE_ALLOWED_EMAILS_FILE: %w", err)
	}
	emails, bad := access.ParseEmails(string(text))
	if len(bad) > 0 {
		p.log.Warn("some lines are no e-mail address and admit nobody", "file", p.path, "lines", bad)
	}
	p.seen = info
	rules.Emails = append(append([]string(nil), rules.Emails...), emails...)
	return rules, nil
}

// watch reads the file again when it changes. Who is no longer admitted loses
// open WebSockets at once, and everything else at the next request.
func (p *policyFile) watch(ctx context.Context) {
	if p.path != "" {
		every(ctx, policyStep, p.reload)
	}
}

func (p *policyFile) reload() {
	info, err := os.Stat(p.path)
	if err == nil && sameFile(info, p.seen) {
		return
	}
	rules, err := p.read()
	if err != nil {
		// A file that is being replaced is away for a moment: nobody gains by that,
		// and nobody loses.
		p.log.Warn("the e-mail file cannot be read; the last list stays in force", "error", err)
		return
	}
	// A file that was emptied admits nobody: the zero Policy.
	policy, err := access.NewPolicy(rules)
	if err != nil {
		policy = access.Policy{}
	}
	p.book.Set(policy)
	closed := p.live.CloseWho(func(id identity.Identity) bool { return !p.book.Decide(id).Allowed })
	p.log.Info("e-mail file read again", "file", p.path, "addresses", len(rules.Emails), "websockets_closed", closed)
}

func sameFile(a, b fs.FileInfo) bool {
	return a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && os.SameFile(a, b)
}
