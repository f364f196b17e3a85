package proxy

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sidegate/identity"
	"sidegate/web"
)

const (
	// assertionTime is how long an assertion is valid.
	assertionTime = 5 * time.Minute
	// assertionKept is how long one is used again, since signing costs some 50 µs. An
	// app has four minutes left of what it gets.
	assertionKept = time.Minute
	// maxKept bounds how much is kept, in bytes: some ten thousand people.
	maxKept = 8 << 20
)

// Assertions makes signed statements of who somebody is: a JSON Web Token (RFC 7519)
// that an app can check by the keys that JWKS publishes, so that it need not trust
// the way from us to it. The nil Assertions makes none.
type Assertions struct {
	origin  string
	secrets Secrets
	now     func() time.Time
	current atomic.Pointer[signing]
	renew   sync.Mutex // one at a time makes a new current
}

// Secrets are what the keys are made of; session.Keys is.
type Secrets interface {
	// Derive returns size bytes for a purpose, from each secret, the newest first.
	Derive(purpose string, size int) ([][]byte, error)
	// InForce returns what equals an earlier answer as long as Derive says the same.
	InForce() any
}

// NewAssertions returns Assertions by and for our own origin: the app is behind it.
func NewAssertions(origin string, secrets Secrets, now func() time.Time) (*Assertions, error) {
	a := &Assertions{origin: origin, secrets: secrets, now: now}
	_, err := a.signing()
	return a, err
}

// signing returns the keys in force and what was signed with them. It follows the
// secrets: the newest signs, and what an older one has signed is not used again.
func (a *Assertions) signing() (*signing, error) {
	inForce := a.secrets.InForce()
	if s := a.current.Load(); s != nil && s.inForce == inForce {
		return s, nil
	}
	a.renew.Lock()
	defer a.renew.Unlock()
	if s := a.current.Load(); s != nil && s.inForce == inForce {
		return s, nil
	}
	keys, err := newSigningKeys(a.secrets)
	if err != nil {
		return nil, err
	}
	s := &signing{inForce: inForce, keys: keys}
	a.current.Store(s)
	return s, nil
}

// For returns an assertion about id. It is "" when none can be made: an app that
// wants one then lets nobody in.
func (a *Assertions) For(id identity.Identity) string {
	if a == nil || id.IsZero() {
		return ""
	}
	s, err := a.signing()
	if err != nil {
		return ""
	}
	now := a.now()
	if signed, ok := s.kept.find(id, now); ok {
		return signed
	}
	payload, err := json.Marshal(a.claims(id, now))
	if err != nil {
		return ""
	}
	signed, err := s.keys.sign(payload)
	if err != nil {
		return ""
	}
	s.kept.keep(id, signed, now)
	return signed
}

// claims are what an assertion says (OpenID Connect Core 5.1 and 2, RFC 7519 4.1).
type claims struct {
	Issuer        string   `json:"iss"`
	Audience      string   `json:"aud"`
	Subject       string   `json:"sub"`
	Provider      string   `json:"idp"` // whose sub it is
	Email         string   `json:"email,omitempty"`
	EmailVerified bool     `json:"email_verified"`
	Name          string   `json:"name,omitempty"`
	Picture       string   `json:"picture,omitempty"`
	Groups        []string `json:"groups,omitempty"`
	Roles         []string `json:"roles,omitempty"`
	IssuedAt      int64    `json:"iat"`
	Expires       int64    `json:"exp"`
}

func (a *Assertions) claims(id identity.Identity, now time.Time) claims {
	return claims{
		Issuer: a.origin, Audience: a.origin, Subject: id.Subject, Provider: id.Issuer,
		Email: id.Email, EmailVerified: id.EmailVerified, Name: id.Name, Picture: id.Picture, Groups: id.Groups, Roles: id.Roles,
		IssuedAt: now.Unix(), Expires: now.Add(assertionTime).Unix(),
	}
}

// JWKS answers GET /_gate/jwks.json with the keys of all secrets in force, for
// anybody: they only tell true assertions from others.
func (a *Assertions) JWKS(w http.ResponseWriter, r *http.Request) error {
	s, err := a.signing()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json") // RFC 7517 8.5.2
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("X-Content-Type-Options", "nosniff")
	web.RecordOf(r.Context()).Status = http.StatusOK
	_, err = w.Write(s.keys.public)
	return err
}

// signing is a set of keys, with what they have signed lately.
type signing struct {
	inForce any
	keys    signingKeys
	kept    keptAssertions
}

// keptAssertions keeps what was signed within a minute and then forgets all of it,
// as when there is too much. The zero value is empty.
type keptAssertions struct {
	mu    sync.RWMutex
	since time.Time
	size  int // bytes
	byWho map[who]keptAssertion
}

// who is everything that an assertion says of a person, but for the lists: whoever
// differs in one thing gets another assertion.
type who struct {
	issuer, subject, email, name, picture string
	verified                              bool
}

type keptAssertion struct {
	groups, roles []string
	signed        string
}

func whoIs(id *identity.Identity) who {
	return who{id.Issuer, id.Subject, id.Email, id.Name, id.Picture, id.EmailVerified}
}

func (k *keptAssertions) find(id identity.Identity, now time.Time) (string, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if !k.lasts(now) {
		return "", false
	}
	found, ok := k.byWho[whoIs(&id)]
	return found.signed, ok && slices.Equal(found.groups, id.Groups) && slices.Equal(found.roles, id.Roles)
}

func (k *keptAssertions) keep(id identity.Identity, signed string, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.lasts(now) || k.size > maxKept {
		k.since, k.size, k.byWho = now, 0, make(map[who]keptAssertion)
	}
	k.size += len(signed)
	k.byWho[whoIs(&id)] = keptAssertion{slices.Clone(id.Groups), slices.Clone(id.Roles), signed}
}

// lasts reports whether what is kept may be used. A clock that was set back ends it
// as well.
func (k *keptAssertions) lasts(now time.Time) bool {
	age := now.Sub(k.since)
	return age >= 0 && age < assertionKept
}
