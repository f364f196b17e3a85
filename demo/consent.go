package demo

import (
	"net/http"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// choice is an authorization request after somebody chose an account, and before that
// one said what they grant.
type choice struct {
	request *oidc.AuthRequest
	account Account
}

// forSignIn reports whether a scope is part of signing in: nobody is asked for it.
func forSignIn(scope string) bool {
	return slices.Contains([]string{oidc.ScopeOpenID, oidc.ScopeEmail, oidc.ScopeProfile, oidc.ScopeOfflineAccess}, scope)
}

// apiScopes returns those that consent is asked for.
func apiScopes(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), forSignIn)
}

// consent is a button on the consent page. Each scope can be unticked, as at Google;
// with all of them unticked one is signed in still. The id is good for one answer.
func (p *Provider) consent(w http.ResponseWriter, r *http.Request) {
	c, ok := p.store.choices.take(r.PostFormValue("id"))
	if !ok {
		p.notice(w, http.StatusBadRequest, "This page was used before, or it is too old. Start again.")
		return
	}
	if r.PostFormValue("answer") != "allow" {
		p.refuse(w, r, c.request, oidc.ErrAccessDenied())
		return
	}
	ticked := r.PostForm["scope"]
	p.grant(w, r, c, slices.DeleteFunc(slices.Clone(c.request.Scopes), func(scope string) bool {
		return !forSignIn(scope) && !slices.Contains(ticked, scope)
	}))
}
