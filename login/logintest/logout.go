package logintest

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
)

// The endpoints of signing out. Discovery names the first two when the Script
// says so.
const (
	EndSessionPath = "/logout"
	RevocationPath = "/revoke"
	RISCPath       = "/.well-known/risc-configuration"
	RISCKeysPath   = "/risc/keys"
)

// The events of logout tokens and of Google's security event tokens.
const (
	LogoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	RISCEvents  = "https://schemas.openid.net/secevent/risc/event-type/"
	OAuthEvents = "https://schemas.openid.net/secevent/oauth/event-type/"
)

// LogoutRequests returns the queries that came to the end session endpoint.
func (p *Provider) LogoutRequests() []url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.logouts)
}

// Revocations returns what came to the revocation endpoint.
func (p *Provider) Revocations() []TokenRequest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.revoked)
}

// endSession is the end session endpoint (RP-Initiated Logout 1.0, 2). It asks
// nobody.
func (p *Provider) endSession(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p.mu.Lock()
	p.logouts = append(p.logouts, q)
	known := p.issued[q.Get("id_token_hint")]
	p.mu.Unlock()
	back, err := url.Parse(q.Get("post_logout_redirect_uri"))
	if err != nil || !back.IsAbs() || q.Get("client_id") != p.ClientID || q.Has("id_token_hint") && !known {
		http.Error(w, "logintest: a good provider refuses this request", http.StatusBadRequest)
		return
	}
	if q.Has("state") {
		back.RawQuery = url.Values{"state": {q.Get("state")}}.Encode()
	}
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// revoke is the revocation endpoint (RFC 7009).
func (p *Provider) revoke(w http.ResponseWriter, r *http.Request, script Script) {
	if r.Method != http.MethodPost || r.ParseForm() != nil || r.PostForm.Get("token") == "" {
		writeJSON(w, http.StatusBadRequest, Object{"error": "invalid_request"})
		return
	}
	asked := readTokenRequest(r)
	p.mu.Lock()
	p.revoked = append(p.revoked, asked)
	p.withdraw(asked.Form.Get("token"))
	p.mu.Unlock()
	if !p.proves(asked, script) {
		writeJSON(w, http.StatusUnauthorized, Object{"error": "invalid_client"})
	}
}

// LogoutToken returns a good logout token (Back-Channel Logout 1.0, 2.4), about
// nobody until change names a sub, a sid or both. change may do anything else.
func (p *Provider) LogoutToken(change func(*IDToken)) string {
	t, script := p.notice("logout+jwt")
	t.Claims["exp"] = script.now() + 120
	t.Claims["events"] = Object{LogoutEvent: Object{}}
	change(&t)
	return t.Compact()
}

// EventToken returns a good security event token as Google sends it (RFC 8417),
// with the issuer of its RISC configuration and no end.
func (p *Provider) EventToken(events Object, change func(*IDToken)) string {
	t, _ := p.notice("JWT")
	t.Claims["iss"] = p.Issuer + "/"
	t.Claims["events"] = events
	change(&t)
	return t.Compact()
}

// notice returns what both kinds of token have in common.
func (p *Provider) notice(kind string) (IDToken, Script) {
	p.mu.Lock()
	script := p.script
	p.mu.Unlock()
	t := IDToken{
		Header: Object{"alg": script.Signing.Alg, "typ": kind, "kid": script.Signing.ID},
		Claims: Object{"iss": p.Issuer, "aud": p.ClientID, "iat": script.now(), "jti": "canary-jti-" + rand.Text()},
		Key:    script.Signing,
	}
	return t, script
}

// riscConfiguration names another issuer than the provider's own, as Google's does.
func (p *Provider) riscConfiguration() Object {
	return Object{"issuer": p.Issuer + "/", "jwks_uri": p.Issuer + RISCKeysPath}
}
