package session

import (
	"net/http"
	"time"
)

// Cookie is one of our cookies. It is set and cleared by this type alone, with
// the same attributes: a browser ignores the deletion of a __Host- cookie that
// lacks Secure.
type Cookie struct {
	name   string
	secure bool
	life   time.Duration
}

// The names without prefix are for plain http on loopback only.
const (
	sessionName = "sidegate"
	flowName    = "sidegate-flow"
	hostPrefix  = "__Host-"
)

// NewCookie returns the session cookie, kept by the browser for life. https says
// that browsers reach us by https (PUBLIC_URL).
func NewCookie(https bool, life time.Duration) Cookie { return newCookie(sessionName, https, life) }

// NewFlowCookie returns the cookie that binds sign-in attempts to a browser.
func NewFlowCookie(https bool, life time.Duration) Cookie { return newCookie(flowName, https, life) }

func newCookie(name string, https bool, life time.Duration) Cookie {
	if https {
		// RFC 6265bis 4.1.3.2: with this prefix a browser takes the cookie only
		// from this very host, over https, for every path.
		name = hostPrefix + name
	}
	return Cookie{name: name, secure: https, life: life}
}

// CookieNames lists every name our cookies can have, over http and https. The
// app must neither receive nor set any of them.
func CookieNames() []string {
	return []string{sessionName, flowName, hostPrefix + sessionName, hostPrefix + flowName}
}

// Name returns the cookie's name.
func (c Cookie) Name() string { return c.name }

// Set gives the browser value. The answer becomes uncacheable.
func (c Cookie) Set(w http.ResponseWriter, value string) {
	c.write(w, value, int(c.life/time.Second))
}

// Clear takes the cookie away.
func (c Cookie) Clear(w http.ResponseWriter) { c.write(w, "", -1) }

func (c Cookie) write(w http.ResponseWriter, value string, maxAge int) {
	w.Header().Set("Cache-Control", "no-store")
	http.SetCookie(w, &http.Cookie{
		Name: c.name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// maxCandidates bounds how many cookies of one name are looked at.
const maxCandidates = 4

// Tokens returns the well-formed tokens the request carries under the cookie's
// name, at most four. There can be several: over plain http another site on the
// same host name can toss a cookie at us, and must not lock the person out by it.
func (c Cookie) Tokens(r *http.Request) []Token {
	var tokens []Token
	for _, k := range r.CookiesNamed(c.name) {
		if t, ok := ParseToken(k.Value); ok && len(tokens) < maxCandidates {
			tokens = append(tokens, t)
		}
	}
	return tokens
}
