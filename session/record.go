package session

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sidegate/identity"
)

// A session's value in the store:
//
//	format (1 byte), length of the card (uvarint), sealed card, sealed record
//
// The record opens with the cookie's token and our secret alone. The card says
// what a list of sessions shows, and opens with our secret: the operator and the
// person have to find sessions whose cookies they do not have.
//
// Fields may be added to both: a reader passes over what it does not know, and
// keeps it when it writes the record again. A change that old readers would
// misread needs a new format; of another format than its own a reader says
// that there is no session.
const recordFormat = 2

const (
	recordPurpose = "session"
	cardPurpose   = "session card"
)

type record struct {
	Identity identity.Identity `json:"id"`
	Created  int64             `json:"created"` // Unix milliseconds
	Seen     int64             `json:"seen"`
	Browser  string            `json:"browser,omitempty"`
	Address  string            `json:"address,omitempty"`
	Provider Provider          `json:"provider,omitzero"`
}

// card is a record without what must not be shown.
type card struct {
	Identity identity.Identity `json:"id"`
	Created  int64             `json:"created"`
	Seen     int64             `json:"seen"`
	Browser  string            `json:"browser,omitempty"`
	Address  string            `json:"address,omitempty"`
}

// fields are members of a JSON object that this version does not know.
type fields map[string]json.RawMessage

// unknown returns the fields of object that a record does not have.
func unknown(object []byte) (fields, error) {
	var all fields
	if err := json.Unmarshal(object, &all); err != nil {
		return nil, err
	}
	for _, name := range []string{"id", "created", "seen", "browser", "address", "provider"} {
		delete(all, name)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, nil
}

// with returns object with the fields added.
func (f fields) with(object []byte) ([]byte, error) {
	if len(f) == 0 {
		return object, nil
	}
	more, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	// Two objects, neither of them empty: {"a":1} and {"b":2} become {"a":1,"b":2}.
	return append(append(bytes.TrimSuffix(object, []byte("}")), ','), more[1:]...), nil
}

// sealer makes values of sessions and reads them, for one audience.
type sealer struct {
	keys     Keys
	audience string
	limits   Limits
}

func (c sealer) seal(s Session) ([]byte, error) {
	plain, err := json.Marshal(record{
		Identity: s.Identity, Created: s.Created.UnixMilli(), Seen: s.Seen.UnixMilli(),
		Browser: s.Browser, Address: s.Address, Provider: s.Provider,
	})
	if err == nil {
		plain, err = s.rest.with(plain)
	}
	if err != nil {
		return nil, fmt.Errorf("session: encode: %w", err)
	}
	sealed, err := c.keys.Seal(recordPurpose, c.bind(s.token[:]), plain)
	if err != nil {
		return nil, err
	}
	front, err := c.sealCard(s)
	if err != nil {
		return nil, err
	}
	value := append([]byte{recordFormat}, binary.AppendUvarint(nil, uint64(len(front)))...)
	return append(append(value, front...), sealed...), nil
}

func (c sealer) sealCard(s Session) ([]byte, error) {
	plain, err := json.Marshal(card{
		Identity: shownOf(s.Identity),
		Created:  s.Created.UnixMilli(), Seen: s.Seen.UnixMilli(),
		Browser: s.Browser, Address: s.Address,
	})
	if err != nil {
		return nil, fmt.Errorf("session: encode: %w", err)
	}
	return c.keys.Seal(cardPurpose, c.bind([]byte(s.token.key(c.audience))), plain)
}

// shownOf leaves of an identity what a list shows, and what decides who may pass.
func shownOf(id identity.Identity) identity.Identity {
	id.Picture = ""
	return id
}

// split returns the two sealed parts of a value.
func split(value []byte) (front, sealed []byte, ok bool) {
	if len(value) < 2 || value[0] != recordFormat {
		return nil, nil, false
	}
	size, n := binary.Uvarint(value[1:])
	rest := value[1+max(n, 0):]
	if n <= 0 || size > uint64(len(rest)) {
		return nil, nil, false
	}
	return rest[:size], rest[size:], true
}

// open reads the session of a token. ErrNone: the value is not a session of ours;
// it was written by a newer version, with a retired secret, or by somebody else, and
// signing in again mends it.
func (c sealer) open(t Token, value []byte) (Session, error) {
	_, sealed, ok := split(value)
	if !ok {
		return Session{}, ErrNone
	}
	plain, err := c.keys.Open(recordPurpose, c.bind(t[:]), sealed)
	if err != nil {
		return Session{}, ErrNone
	}
	var rec record
	rest, err := unknown(plain)
	if err != nil || json.Unmarshal(plain, &rec) != nil || rec.Identity.IsZero() {
		return Session{}, ErrNone
	}
	return c.complete(Session{
		Identity: rec.Identity, Created: time.UnixMilli(rec.Created), Seen: time.UnixMilli(rec.Seen),
		Browser: rec.Browser, Address: rec.Address, Provider: rec.Provider, token: t, rest: rest,
		sealedWith: keyIDOf(sealed),
	}), nil
}

// openCard reads what may be shown of the session stored under key, or answers
// ErrNone as open does.
func (c sealer) openCard(key string, value []byte) (Info, error) {
	front, _, ok := split(value)
	if !ok || !isSessionKey(key) {
		return Info{}, ErrNone
	}
	plain, err := c.keys.Open(cardPurpose, c.bind([]byte(key)), front)
	if err != nil {
		return Info{}, ErrNone
	}
	var k card
	if json.Unmarshal(plain, &k) != nil || k.Identity.IsZero() {
		return Info{}, ErrNone
	}
	info := Info{
		ID: idOf(key), Identity: k.Identity, Created: time.UnixMilli(k.Created), Seen: time.UnixMilli(k.Seen),
		Browser: k.Browser, Address: k.Address, key: key,
	}
	info.Expires, info.Ends = c.limits.ends(info.Created, info.Seen)
	return info, nil
}

// complete derives what a record does not hold. Limits are those of the running
// configuration: a shorter one applies at once.
func (c sealer) complete(s Session) Session {
	s.ID = idOf(s.token.key(c.audience))
	s.Expires, s.Ends = c.limits.ends(s.Created, s.Seen)
	return s
}

// bind ties a value to its holder and to our audience.
func (c sealer) bind(holder []byte) []byte { return append([]byte(c.audience+"\x00"), holder...) }

// groups names the groups that a session belongs to: those of its person, and of
// the provider's session if that has a name. They are as many as there are
// secrets, since whoever reads the store must not know whose they are; the newest
// secret's come first.
func (c sealer) groups(id identity.Identity, sid string) [][]string {
	groups := [][]string{c.subjectGroups(id.Issuer, id.Subject)}
	if sid != "" {
		groups = append(groups, c.sidGroups(id.Issuer, sid))
	}
	return groups
}

func (c sealer) subjectGroups(issuer, subject string) []string {
	return c.keys.Names("subject", c.audience, issuer, subject)
}

func (c sealer) sidGroups(issuer, sid string) []string {
	return c.keys.Names("sid", c.audience, issuer, sid)
}

// maxBrowser bounds the User-Agent that is kept, in bytes.
const maxBrowser = 256

// browserOf keeps of a User-Agent what can be shown.
func browserOf(userAgent string) string {
	kept := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, userAgent)
	return kept[:min(len(kept), maxBrowser)]
}

const sessionKeySize = 2 + 64 // "s:" and a SHA-256 in hex

// isSessionKey reports whether key can be a session's: what comes from the store
// may be anybody's.
func isSessionKey(key string) bool { return len(key) == sessionKeySize && key[:2] == "s:" }

// idOf names a session by a part of its store key: enough to tell sessions
// apart, too little to find the record.
func idOf(key string) string { return key[2 : 2+16] }
