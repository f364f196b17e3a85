package login

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"time"

	"sidegate/session"
)

// attemptLife is how long a person may take at the provider. Later than that the
// attempt begins anew by itself.
const attemptLife = 15 * time.Minute

// clockSkew is how far our clock may differ from the provider's, and from that
// of another replica.
const clockSkew = time.Minute

// attempt is one sign-in under way. It travels through the browser, sealed, as
// the state parameter.
type attempt struct {
	Seed    []byte `json:"s"` // 32 random bytes; verifier and nonce are derived from it
	Return  string `json:"r"` // where the person wanted to go; cleaned by ReturnPath
	Binding []byte `json:"b"` // hash of the browser's flow cookie
	Started int64  `json:"t"` // Unix seconds
	Switch  bool   `json:"x,omitempty"`
	Again   bool   `json:"n,omitempty"` // started by a callback that failed: not a second time
	After   bool   `json:"l,omitempty"` // begun without a session cookie, though one was given just before
	Astray  string `json:"e,omitempty"` // how the address it began at differs from the public one

	Scopes  session.Scopes `json:"a,omitempty"` // of APIs
	Consent bool           `json:"c,omitempty"` // asked for, so that a refresh token comes
	Connect bool           `json:"k,omitempty"` // for the session that there is, if there is one
}

func newAttempt(returnTo string, flow session.Token, now time.Time) attempt {
	seed := make([]byte, 32)
	rand.Read(seed) // never fails: crypto/rand ends the process instead
	return attempt{Seed: seed, Return: returnTo, Binding: binding(flow), Started: now.Unix()}
}

// verifier is the PKCE code verifier: 43 unreserved characters from 256 bits
// (RFC 7636 4.1). It never leaves the server but to the token endpoint.
func (a attempt) verifier() string { return a.derive("pkce verifier") }

// nonce ties the ID token to this attempt (OpenID Connect Core 3.1.2.1).
func (a attempt) nonce() string { return a.derive("nonce") }

// usedKey names the mark in the store that says this attempt's callback came.
func (a attempt) usedKey() string { return "a:" + a.derive("used") }

func (a attempt) derive(what string) string {
	mac := hmac.New(sha256.New, a.Seed)
	mac.Write([]byte(what))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// begunBy reports whether the browser with this flow cookie began the attempt.
func (a attempt) begunBy(flow session.Token) bool {
	return subtle.ConstantTimeCompare(a.Binding, binding(flow)) == 1
}

// late reports whether the attempt is past its life. An attempt from the future
// is one as well: clocks of replicas may differ by a minute, not by more.
func (a attempt) late(now time.Time) bool {
	age := now.Sub(time.Unix(a.Started, 0))
	return age > attemptLife || age < -clockSkew
}

func binding(flow session.Token) []byte {
	sum := sha256.Sum256(append([]byte("sidegate flow\x00"), flow[:]...))
	return sum[:]
}

const statePurpose = "state"

// sealer seals attempts into states, bound to one client at one issuer: a state
// of another configuration does not open, which rules out mix-up (RFC 9700 4.4).
type sealer struct {
	keys session.Keys
	bind []byte
}

func (s sealer) seal(a attempt) (string, error) {
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false) // or each "&" of a return path takes six bytes of a URL
	if err := encoder.Encode(a); err != nil {
		return "", err
	}
	sealed, err := s.keys.Seal(statePurpose, s.bind, plain.Bytes())
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// open returns the attempt in a state, and whether we sealed it.
func (s sealer) open(state string) (attempt, bool) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(state)
	if err != nil {
		return attempt{}, false
	}
	plain, err := s.keys.Open(statePurpose, s.bind, sealed)
	if err != nil {
		return attempt{}, false
	}
	// Another version's state may have no seed, and then anybody knew its nonce.
	var a attempt
	if json.Unmarshal(plain, &a) != nil || len(a.Seed) != 32 {
		return attempt{}, false
	}
	return a, true
}
