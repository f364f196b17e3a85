package demo

import (
	"crypto/rand"
	"net/http"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// signInPage is what page/signin.html shows: the accounts, or what one of them is asked
// to grant, or one message.
type signInPage struct {
	App      string // where one is going, such as "localhost:8080"
	AppURL   string
	ID       string // of the pending request
	Accounts []Account
	Email    string   // who is asked
	Asked    []string // for which scopes
	Message  string
}

// authorize checks an authorization request (OpenID Connect Core, 3.1.2) and
// asks who one wants to be. It asks every time, even without
// prompt=select_account: being somebody else is what the demo is for.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	if len(r.URL.RawQuery) > maxQuery {
		p.notice(w, http.StatusRequestURITooLong, "This sign-in request is too long.")
		return
	}
	req, err := op.ParseAuthorizeRequest(r, p.op.Decoder())
	if err != nil || req.ClientID != ClientID {
		p.notice(w, http.StatusBadRequest, "This sign-in request does not come from the demo: its client_id is not "+ClientID+".")
		return
	}
	_, err = op.ValidateAuthRequestClient(r.Context(), req, p.store.client, p.op.IDTokenHintVerifier(r.Context()))
	if err == nil {
		err = checkRequest(req)
	}
	if err != nil {
		p.refuse(w, r, req, err)
		return
	}
	id := rand.Text()
	p.store.pending.put(id, req)
	p.show(w, http.StatusOK, signInPage{ID: id, Accounts: Accounts()})
}

// checkRequest refuses what the library would let pass: no PKCE or the plain
// method (RFC 7636, 4.2), no openid scope, answers the demo cannot give.
func checkRequest(req *oidc.AuthRequest) error {
	switch {
	case req.CodeChallenge == "" || req.CodeChallengeMethod != oidc.CodeChallengeMethodS256:
		return oidc.ErrInvalidRequest().WithDescription("PKCE with S256 is required")
	case !slices.Contains(req.Scopes, oidc.ScopeOpenID):
		return oidc.ErrInvalidScope().WithDescription("the openid scope is required")
	case req.ResponseMode != "" && req.ResponseMode != oidc.ResponseModeQuery:
		return oidc.ErrInvalidRequest().WithDescription("response_mode must be query")
	case req.RequestParam != "":
		return oidc.ErrRequestNotSupported()
	case slices.Contains(req.Prompt, oidc.PromptNone):
		return oidc.ErrLoginRequired().WithDescription("the demo always asks")
	}
	return nil
}

// refuse reports err to the client, or to the person when the redirect URI is
// not the client's: sending anything there would make the demo an open
// redirector.
func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, req *oidc.AuthRequest, err error) {
	e := oidc.DefaultToServerError(err, "the demo provider failed")
	if e.IsRedirectDisabled() {
		p.notice(w, http.StatusBadRequest, "The redirect_uri of this sign-in request is not the one the demo was started with: "+p.redirect.String())
		return
	}
	e.State = req.State
	p.sendBack(w, r, e)
}

// sendBack takes the browser to the redirect URI with an answer in the query.
// 303, so that a posted form is not posted on.
func (p *Provider) sendBack(w http.ResponseWriter, r *http.Request, answer any) {
	to, err := op.AuthResponseURL(p.redirect.String(), oidc.ResponseTypeCode, oidc.ResponseModeQuery, answer, p.op.Encoder())
	if err != nil {
		p.notice(w, http.StatusInternalServerError, "The demo provider failed.")
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// signIn is a button on the page. The id is good for one sign-in: it cannot be
// guessed, and a second press, or a page found in the history, starts nothing.
func (p *Provider) signIn(w http.ResponseWriter, r *http.Request) {
	email := r.PostFormValue("account")
	account, ok := find(func(a Account) bool { return a.Email == email })
	if !ok {
		p.notice(w, http.StatusBadRequest, "There is no such account in the demo.")
		return
	}
	req, ok := p.store.pending.take(r.PostFormValue("id"))
	if !ok {
		p.notice(w, http.StatusBadRequest, "This sign-in page was used before, or it is too old. Start again.")
		return
	}
	c := choice{req, account}
	if asked := apiScopes(req.Scopes); len(asked) > 0 {
		id := rand.Text()
		p.store.choices.put(id, c)
		p.show(w, http.StatusOK, signInPage{ID: id, Email: account.Email, Asked: asked})
		return
	}
	p.grant(w, r, c, req.Scopes)
}

// grant sends the browser back with a code.
func (p *Provider) grant(w http.ResponseWriter, r *http.Request, c choice, scopes []string) {
	code := rand.Text()
	p.store.codes.put(code, &grant{request: c.request, account: c.account, scopes: scopes, at: time.Now()})
	p.sendBack(w, r, &op.CodeResponseType{Code: code, State: c.request.State})
}

func (p *Provider) notice(w http.ResponseWriter, status int, message string) {
	p.show(w, status, signInPage{Message: message})
}

func (p *Provider) show(w http.ResponseWriter, status int, page signInPage) {
	page.App = p.redirect.Host
	page.AppURL = p.redirect.Scheme + "://" + p.redirect.Host + "/"
	writePage(w, p.page, status, page)
}
