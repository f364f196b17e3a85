package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Tokens are what the provider gave for a person, beyond who it is: access to APIs
// in their name. All of it but the Scopes is secret. The zero Tokens are none.
//
// They have a record of their own beside the session's, sealed with our secret and
// the ticket. In the session's they would not be safe: replicas write that again
// each minute, from copies that may be older than the tokens.
type Tokens struct {
	Access   string
	Refresh  string    // empty: when Access has expired the person has to be asked
	Obtained time.Time // Access was
	Expires  time.Time // Access does
	Scopes   Scopes    // granted, not asked for: people may untick some
	Lost     bool      // the provider takes Refresh no more, and both tokens are gone
}

// ErrGrantLost says that the provider takes a refresh token no more (invalid_grant,
// RFC 6749 5.2): trying again is of no use, the person has to be asked.
var ErrGrantLost = errors.New("session: the provider does not take the refresh token any more")

// String keeps tokens out of logs.
func (t Tokens) String() string { return "[tokens]" }

// GoString keeps tokens out of logs.
func (t Tokens) GoString() string { return t.String() }

// IsZero reports whether there are none, and were none.
func (t Tokens) IsZero() bool {
	return t.Access == "" && t.Refresh == "" && len(t.Scopes) == 0 && !t.Lost
}

const tokensPurpose = "tokens"

// tokensRecord is what is sealed. Times are Unix milliseconds.
type tokensRecord struct {
	Access   string `json:"access,omitempty"`
	Refresh  string `json:"refresh,omitempty"`
	Obtained int64  `json:"obtained"`
	Expires  int64  `json:"expires"`
	Scopes   Scopes `json:"scopes,omitempty"`
	Lost     bool   `json:"lost,omitempty"`
}

func (c sealer) sealTokens(t Ticket, v Tokens) ([]byte, error) {
	plain, err := json.Marshal(tokensRecord{v.Access, v.Refresh, v.Obtained.UnixMilli(), v.Expires.UnixMilli(), v.Scopes, v.Lost})
	if err != nil {
		return nil, fmt.Errorf("session: encode: %w", err)
	}
	return c.keys.Seal(tokensPurpose, c.bind(t.proof[:]), plain)
}

// openTokens answers ErrNone for what is not a record of this ticket's.
func (c sealer) openTokens(t Ticket, value []byte) (Tokens, error) {
	plain, err := c.keys.Open(tokensPurpose, c.bind(t.proof[:]), value)
	if err != nil {
		return Tokens{}, ErrNone
	}
	var r tokensRecord
	if json.Unmarshal(plain, &r) != nil {
		return Tokens{}, ErrNone
	}
	return Tokens{r.Access, r.Refresh, time.UnixMilli(r.Obtained), time.UnixMilli(r.Expires), r.Scopes, r.Lost}, nil
}

// Holder returns the session that a ticket is of. ErrNone: it is over, or there never
// was one. It is no activity: an app that asks keeps nobody signed in.
func (m *Manager) Holder(ctx context.Context, t Ticket) (Info, error) {
	key := t.key()
	switch s, trust := m.copies.look(key, 0); trust {
	case buried:
		return Info{}, ErrNone
	case standing:
		if !m.Ticket(s).equal(t) {
			return Info{}, ErrNone
		}
		return Info{
			ID: s.ID, Identity: s.Identity, Created: s.Created, Seen: s.Seen, Expires: s.Expires, Ends: s.Ends,
			Browser: s.Browser, Address: s.Address, key: key,
		}, nil
	}
	return m.info(ctx, key)
}

// Tokens returns the tokens of a ticket's session. ErrNone: there are none.
func (m *Manager) Tokens(ctx context.Context, t Ticket) (Tokens, error) {
	value, err := m.Store.Get(ctx, tokensKey(t.key()))
	if err != nil {
		return Tokens{}, err
	}
	return m.sealer.openTokens(t, value)
}

// PutTokens stores tokens for a session, in place of those it had. ErrNone: the
// session ended meanwhile, and nothing is left behind.
//
// expires is when the session does unless there is activity, which moves both.
func (m *Manager) PutTokens(ctx context.Context, t Ticket, expires time.Time, v Tokens) error {
	if err := m.putTokens(ctx, t, expires, v); err != nil {
		return err
	}
	_, err := m.info(ctx, t.key())
	if errors.Is(err, ErrNone) {
		return errors.Join(ErrNone, m.DropTokens(ctx, t))
	}
	return err
}

func (m *Manager) putTokens(ctx context.Context, t Ticket, expires time.Time, v Tokens) error {
	value, err := m.sealer.sealTokens(t, v)
	if err != nil {
		return err
	}
	return m.Store.Put(ctx, tokensKey(t.key()), value, m.tokensTTL(expires))
}

// ReplaceTokens stores tokens over those that are there. ErrNone: there are none any
// more, by a sign-out or because the person took them back, and it stays so.
func (m *Manager) ReplaceTokens(ctx context.Context, t Ticket, expires time.Time, v Tokens) error {
	value, err := m.sealer.sealTokens(t, v)
	if err != nil {
		return err
	}
	return m.Store.Replace(ctx, tokensKey(t.key()), value, m.tokensTTL(expires))
}

// DropTokens forgets the tokens of a session.
func (m *Manager) DropTokens(ctx context.Context, t Ticket) error {
	return m.Store.Revoke(ctx, tokensKey(t.key()))
}

// tokensSlack is how much longer the tokens' record lives than the session's: who
// stores it may not know yet of activity that another replica has noted.
const tokensSlack = 3 * time.Minute

func (m *Manager) tokensTTL(expires time.Time) time.Duration {
	return max(expires.Sub(m.Now()), 0) + tokensSlack
}
