package login

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"sidegate/session"
	"sidegate/web"
)

// A site may have further providers. Each is a Login of its own, with a redirect URI of
// its own, and knows nothing of the others: its states open there alone, its codes and
// its client secret go to its own token endpoint, and its keys verify its own tokens.
// That is what keeps providers from being mixed up (RFC 9700 4.4): a hostile one has
// nothing of another's to be sent, and no say in another's place. Where browsers and
// servers do not come back to an address of one provider, the main Login tells whose
// turn it is.

// MainName chooses the main provider, as the names of the further ones choose those:
// /_gate/login?provider=main.
const MainName = "main"

// all are the site's providers, the main one first.
func (l *Login) all() []*Login { return append([]*Login{l}, l.Further...) }

// several reports whether people have to choose.
func (l *Login) several() bool { return len(l.Further) > 0 }

// chosen returns the provider at which a sign-in begins, nil when the person has to
// say: one that was taken away since is no reason for a page with an error. Where there
// is one only, who wants another account there has said so, and a sign-in that begins
// again by itself is not asked again.
func (l *Login) chosen(q url.Values) *Login {
	for _, p := range l.all() {
		if q.Get("provider") == p.choiceName() {
			return p
		}
	}
	if l.several() || l.AskFirst && q.Get("prompt") != "select_account" && q.Get("again") == "" {
		return nil
	}
	return l
}

func (l *Login) choiceName() string {
	if l.Client.Name == "" {
		return MainName
	}
	return l.Client.Name
}

// choose asks with which provider to sign in.
func (l *Login) choose(w http.ResponseWriter, r *http.Request, returnTo string, another bool) error {
	begin := path(returnTo)
	if another {
		begin = Again(returnTo)
	}
	var page web.SignInPage
	for _, p := range l.all() {
		page.Choices = append(page.Choices, web.Choice{
			Name: p.Client.Title, Href: begin + "&provider=" + p.choiceName(), Google: p.Client.Issuer == GoogleIssuer,
		})
	}
	web.RecordOf(r.Context()).Decision = "choice_of_provider"
	l.Site.Page(w, r, http.StatusOK, page)
	return nil
}

// path returns the address that begins a sign-in at this provider, and does not ask
// again at which.
func (l *Login) path(returnTo string) string {
	if l.Client.Name == "" && !l.several() {
		return path(returnTo)
	}
	return path(returnTo) + "&provider=" + l.choiceName()
}

// theirs reports whether a session came of this provider.
func (l *Login) theirs(s session.Session) bool { return s.Identity.Issuer == l.Client.Issuer }

// sentBy returns the provider that a notice says it is of, the main one when it says
// nothing we know. Nothing is believed yet: that provider's keys and issuer decide. A
// security event's issuer differs from its provider's by a slash, see risc.
func (l *Login) sentBy(compact string) *Login {
	issuer := claimedIssuer(compact)
	for _, p := range l.all() {
		if issuer == p.Client.Issuer {
			return p
		}
	}
	for _, p := range l.all() {
		if issuer == strings.TrimSuffix(p.Client.Issuer, "/")+"/" {
			return p
		}
	}
	return l
}

// claimedIssuer reads iss out of a token that nobody has verified.
func claimedIssuer(compact string) string {
	_, rest, _ := strings.Cut(compact, ".")
	body, _, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return ""
	}
	var c struct {
		Issuer text `json:"iss"`
	}
	if json.Unmarshal(payload, &c) != nil {
		return ""
	}
	return string(c.Issuer)
}
