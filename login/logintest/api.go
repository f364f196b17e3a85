package logintest

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// API is how a Provider grants access to APIs. Left alone it does as Google does: all
// that is asked is granted, and a refresh token comes with access_type=offline and
// prompt=consent; it stays the same, and can be used again and again.
type API struct {
	Life    time.Duration                  // of an access token; 0: an hour
	Rotate  bool                           // each refresh token is good once; a second use ends the grant
	Offline bool                           // it goes by the scope offline_access (OpenID Connect Core 11), not Google's way
	Untick  func(scopes []string) []string // what people leave of what is asked; nil: all
	Silent  bool                           // answers do not say the scope
}

// consent is what a person has granted; it ends as a whole.
type consent struct {
	scopes []string
	ended  bool
	spent  map[string]bool
}

type access struct {
	consent *consent
	scopes  []string
	until   time.Time
}

// Access reports for what an access token is good now, as an API asks it.
func (p *Provider) Access(token string) (scopes []string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, known := p.access[token]
	if !known || a.consent.ended || !time.Unix(p.script.now(), 0).Before(a.until) {
		return nil, false
	}
	return a.scopes, true
}

// Withdraw ends the grants that any token belongs to: somebody took them back.
func (p *Provider) Withdraw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.refreshed {
		c.ended = true
	}
}

// withdraw ends the grant of one token.
//
// Precondition: mu is held.
func (p *Provider) withdraw(token string) {
	if c := p.refreshed[token]; c != nil {
		c.ended = true
	}
	if a, known := p.access[token]; known {
		a.consent.ended = true
	}
}

// identity are scopes that give no access to APIs.
func identity() []string { return []string{"openid", "email", "profile", "offline_access"} }

func (s Script) grantedOf(q url.Values) (granted []string) {
	if s.API == nil {
		return nil
	}
	for _, scope := range strings.Fields(q.Get("scope")) {
		if !slices.Contains(identity(), scope) {
			granted = append(granted, scope)
		}
	}
	if s.API.Untick != nil {
		granted = s.API.Untick(granted)
	}
	return granted
}

func (s Script) offlineOf(q url.Values) bool {
	consents := slices.Contains(strings.Fields(q.Get("prompt")), "consent")
	if s.API != nil && s.API.Offline {
		return consents && slices.Contains(strings.Fields(q.Get("scope")), "offline_access")
	}
	return consents && q.Get("access_type") == "offline"
}

// grantAPI adds to an answer of the token endpoint what it grants of APIs.
func (p *Provider) grantAPI(answer Object, g grant, script Script) {
	if script.API == nil {
		return
	}
	c := &consent{scopes: g.scopes, spent: make(map[string]bool)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if g.offline {
		answer["refresh_token"] = p.newRefresh(c)
	}
	p.newAccess(answer, c, script)
}

// newRefresh and newAccess. Precondition: mu is held.
func (p *Provider) newRefresh(c *consent) string {
	token := "canary-refresh-" + rand.Text()
	p.refreshed[token] = c
	return token
}

func (p *Provider) newAccess(answer Object, c *consent, script Script) {
	life := script.API.Life
	if life == 0 {
		life = time.Hour
	}
	token, _ := answer["access_token"].(string)
	p.access[token] = access{c, c.scopes, time.Unix(script.now(), 0).Add(life)}
	answer["expires_in"] = int(life.Seconds())
	if !script.API.Silent {
		answer["scope"] = strings.Join(append([]string{"openid"}, c.scopes...), " ")
	}
}

// refresh is the token endpoint for refresh tokens (RFC 6749 6; RFC 9700 4.14.2).
func (p *Provider) refresh(w http.ResponseWriter, token string, script Script) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.refreshed[token]
	if c != nil && c.spent[token] {
		c.ended = true // somebody has a copy
	}
	if c == nil || c.ended || script.API == nil {
		writeJSON(w, http.StatusBadRequest, Object{"error": "invalid_grant", "error_description": "canary-description"})
		return
	}
	answer := Object{"access_token": "canary-access-" + rand.Text(), "token_type": "Bearer"}
	if script.API.Rotate {
		c.spent[token] = true
		answer["refresh_token"] = p.newRefresh(c)
	}
	p.newAccess(answer, c, script)
	if script.Token != nil {
		script.Token(answer)
	}
	writeJSON(w, http.StatusOK, answer)
}
