// Package demo is what `sidegate demo` puts around sidegate so that it can be
// tried without an account anywhere: a small OpenID provider whose sign-in page
// is a choice of three people, with a stand-in for the one call of the YouTube API
// that examples/youtube makes, and a sample dashboard, written as any web app
// behind sidegate would be.
//
// The provider asks for no password: whoever reaches it can be anyone. It
// therefore refuses to be set up for anything but loopback addresses
// (NewProvider), and keeps everything in memory.
//
// The protocol itself (redirect URI, scopes, PKCE, tokens) is
// github.com/zitadel/oidc's; this package adds the page, the storage and the
// routes, and opens only those the authorization code flow and refresh tokens need.
package demo

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strings"
)

// ClientID is the one client the provider knows.
const ClientID = "sidegate-demo"

// Domain is the e-mail domain of the accounts that belong inside. The demo's
// allow rule names it, which keeps mallory out.
const Domain = "example.com"

//go:embed page
var pages embed.FS

// Account is a person one can be in the demo.
type Account struct {
	Subject string
	Email   string
	Name    string
	About   string // one line for the sign-in page
	Groups  []string
}

// Initial is the letter shown in place of a portrait.
func (a Account) Initial() string { return a.Name[:1] }

// Outsider reports whether the demo's allow rule turns the account away.
func (a Account) Outsider() bool { return !strings.HasSuffix(a.Email, "@"+Domain) }

// Accounts returns the people on the sign-in page. Bob's name is not plain
// ASCII on purpose: names like his are where header encodings go wrong.
func Accounts() []Account {
	return []Account{
		{
			Subject: "demo-alice", Email: "alice@" + Domain, Name: "Alice Archer",
			About:  "Runs the dashboard.",
			Groups: []string{"admins", "analysts"},
		},
		{
			Subject: "demo-bob", Email: "bob@" + Domain, Name: "Bob Núñez",
			About:  "A colleague who reads it.",
			Groups: []string{"analysts"},
		},
		{
			Subject: "demo-mallory", Email: "mallory@evil.example", Name: "Mallory",
			About: "Is refused: shows what somebody outside sees.",
		},
	}
}

// find returns the account for which is reports true.
func find(is func(Account) bool) (Account, bool) {
	for _, a := range Accounts() {
		if is(a) {
			return a, true
		}
	}
	return Account{}, false
}

// writePage renders first and writes then: half a page must not look like a
// whole one.
func writePage(w http.ResponseWriter, t *template.Template, status int, data any) {
	var body bytes.Buffer
	if err := t.Execute(&body, data); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body.Bytes())
}
