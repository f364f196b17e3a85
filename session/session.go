package session

import (
	"time"

	"sidegate/identity"
)

// Session is one browser's sign-in.
type Session struct {
	ID       string // names the session; safe to show and to log
	Identity identity.Identity
	Created  time.Time
	Seen     time.Time // last activity, in coarse steps
	Expires  time.Time // when it ends unless there is activity
	Ends     time.Time // when it ends whatever happens
	Browser  string    // User-Agent at sign-in, shortened
	Address  string    // the client's address at sign-in
	Provider Provider  // never shown

	token      Token
	rest       fields // what a newer version wrote into the record
	sealedWith KeyID
}

// Provider is what the provider's own log-outs need to know of a session. Values
// are secrets, but for the SessionID.
type Provider struct {
	SessionID string `json:"sid,omitempty"`      // its sid claim (OpenID Connect Back-Channel Logout 2.1)
	IDToken   string `json:"id_token,omitempty"` // id_token_hint (RP-Initiated Logout 2)
	Token     string `json:"token,omitempty"`    // what revokes the grant (RFC 7009 2.1)
}

// String keeps tokens out of logs.
func (p Provider) String() string { return "[provider's tokens]" }

// GoString keeps tokens out of logs.
func (p Provider) GoString() string { return p.String() }

// String names a session without its token.
func (s Session) String() string { return "session " + s.ID }

// GoString keeps the token out of "%#v" as well.
func (s Session) GoString() string { return s.String() }

// SignIn is what a new session is made of.
type SignIn struct {
	Identity identity.Identity
	Provider Provider
	Tokens   Tokens // zero: none
	Address  string // the client's, for the person's own list of sessions
}

// Info is what may be shown of a session to its owner and to the operator.
type Info struct {
	ID       string
	Identity identity.Identity // without the picture
	Created  time.Time
	Seen     time.Time
	Expires  time.Time
	Ends     time.Time
	Browser  string
	Address  string

	key string
}

// Limits says how long sessions live. Idle is the time without activity, Max
// the time since sign-in; Idle 0 sets no idle limit. Grace is how long a session that this
// process knows is served while the store cannot be asked.
type Limits struct{ Idle, Max, Grace time.Duration }

// step is how coarsely activity is written: a twentieth of the idle limit, at
// most a minute. A session can so end that much before its idle limit, never
// after it.
func (l Limits) step() time.Duration {
	if l.Idle == 0 {
		return time.Minute
	}
	return min(l.Idle/20, time.Minute)
}

// ends returns when a session ends unless there is activity, and in any case.
func (l Limits) ends(created, seen time.Time) (expires, ends time.Time) {
	ends = created.Add(l.Max)
	expires = ends
	if idle := seen.Add(l.Idle); l.Idle > 0 && idle.Before(ends) {
		expires = idle
	}
	return expires, ends
}
