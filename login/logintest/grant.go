package logintest

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// grant is what a code stands for.
type grant struct {
	user      Object
	nonce     string
	challenge string
	redirect  string
	scopes    []string
	offline   bool // a refresh token was asked for as this provider wants it
}

// TokenRequest is what came to the token endpoint.
type TokenRequest struct {
	Form         url.Values
	ClientID     string // decoded; from the Authorization header or the form
	ClientSecret string
	Basic        bool // both came in the header
}

// TokenRequests returns what came to the token endpoint so far, unless it was
// replaced.
func (p *Provider) TokenRequests() []TokenRequest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// authorize is the authorization endpoint (OpenID Connect Core 3.1.2).
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request, script Script) {
	q := r.URL.Query()
	redirect, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || !redirect.IsAbs() || q.Get("client_id") != p.ClientID || q.Get("response_type") != "code" ||
		!slices.Contains(strings.Fields(q.Get("scope")), "openid") || q.Get("code_challenge_method") != "S256" {
		http.Error(w, "logintest: a good provider refuses this request", http.StatusBadRequest)
		return
	}
	user := Alice()
	if script.User != nil {
		user = script.User(r)
	}
	code := "canary-code-" + rand.Text()
	p.mu.Lock()
	p.grants[code] = grant{
		user: user, nonce: q.Get("nonce"), challenge: q.Get("code_challenge"), redirect: q.Get("redirect_uri"),
		scopes: script.grantedOf(q), offline: script.offlineOf(q),
	}
	p.mu.Unlock()

	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	if script.Redirect != nil {
		script.Redirect(back)
	}
	redirect.RawQuery = back.Encode()
	http.Redirect(w, r, redirect.String(), http.StatusFound)
}

// token is the token endpoint (OpenID Connect Core 3.1.3).
func (p *Provider) token(w http.ResponseWriter, r *http.Request, script Script) {
	if r.Method != http.MethodPost || r.ParseForm() != nil {
		writeJSON(w, http.StatusBadRequest, Object{"error": "invalid_request"})
		return
	}
	asked := readTokenRequest(r)
	p.mu.Lock()
	p.asked = append(p.asked, asked)
	g, known := p.grants[asked.Form.Get("code")]
	delete(p.grants, asked.Form.Get("code"))
	p.mu.Unlock()
	if !p.proves(asked, script) {
		writeJSON(w, http.StatusUnauthorized, Object{"error": "invalid_client"})
		return
	}
	if asked.Form.Get("grant_type") == "refresh_token" {
		p.refresh(w, asked.Form.Get("refresh_token"), script)
		return
	}
	verifier := sha256.Sum256([]byte(asked.Form.Get("code_verifier")))
	if !known || asked.Form.Get("grant_type") != "authorization_code" || asked.Form.Get("redirect_uri") != g.redirect ||
		base64.RawURLEncoding.EncodeToString(verifier[:]) != g.challenge {
		writeJSON(w, http.StatusBadRequest, Object{"error": "invalid_grant"})
		return
	}
	writeJSON(w, http.StatusOK, p.issue(g, script))
}

// issue makes the token endpoint's answer.
func (p *Provider) issue(g grant, script Script) Object {
	access := "canary-access-" + rand.Text()
	p.mu.Lock()
	p.users[access] = g.user
	p.mu.Unlock()
	hash := sha256.Sum256([]byte(access))
	t := IDToken{
		Header: Object{"alg": script.Signing.Alg, "typ": "JWT"},
		Claims: Object{
			"iss": p.Issuer, "aud": p.ClientID, "azp": p.ClientID, "iat": script.now(), "exp": script.now() + 3600,
			"nonce": g.nonce, "at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
		},
		Key: script.Signing,
	}
	if script.Signing.ID != "" {
		t.Header["kid"] = script.Signing.ID
	}
	maps.Copy(t.Claims, g.user)
	if script.IDToken != nil {
		script.IDToken(&t)
	}
	compact := t.Compact()
	p.mu.Lock()
	p.issued[compact] = true
	p.mu.Unlock()
	o := Object{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "id_token": compact}
	p.grantAPI(o, g, script)
	if script.Token != nil {
		script.Token(o)
	}
	return o
}

// proves reports whether our client sent this.
func (p *Provider) proves(asked TokenRequest, script Script) bool {
	return asked.ClientID == p.ClientID && asked.ClientSecret == cmp.Or(script.Secret, p.ClientSecret)
}

// readTokenRequest reads both ways a client can prove itself (RFC 6749 2.3.1).
func readTokenRequest(r *http.Request) TokenRequest {
	asked := TokenRequest{Form: r.PostForm, ClientID: r.PostForm.Get("client_id"), ClientSecret: r.PostForm.Get("client_secret")}
	if id, secret, ok := r.BasicAuth(); ok {
		asked.Basic = true
		asked.ClientID, _ = url.QueryUnescape(id)
		asked.ClientSecret, _ = url.QueryUnescape(secret)
	}
	return asked
}
