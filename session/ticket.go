package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
)

// Ticket is what the app is given to ask for its person's API tokens with. It is
// made of the session's token and stays the same as long as that does, whatever
// secrets come and go: a WebSocket's headers are those of its handshake.
//
// It leads one way. It names the session, and opens the record of the tokens
// together with our secret; the cookie cannot be made of it, nor does it open the
// session's own record. It is no cookie of ours: with it nobody gets past the gate.
type Ticket struct {
	session [sha256.Size]byte // the session's store key
	proof   [sha256.Size]byte // that the holder of the token made it
}

var ticketEncoding = base64.RawURLEncoding.Strict()

// ParseTicket reads a ticket, and reports whether it is one at all.
func ParseTicket(s string) (Ticket, bool) {
	var t Ticket
	size := len(t.session) + len(t.proof)
	if len(s) != ticketEncoding.EncodedLen(size) {
		return Ticket{}, false
	}
	b, err := ticketEncoding.DecodeString(s)
	if err != nil || len(b) != size {
		return Ticket{}, false
	}
	copy(t.proof[:], b[copy(t.session[:], b):])
	return t, true
}

// Reveal returns the ticket as the app gets it: 86 characters.
func (t Ticket) Reveal() string {
	return ticketEncoding.EncodeToString(append(t.session[:], t.proof[:]...))
}

// String keeps a ticket out of logs.
func (t Ticket) String() string { return "[ticket]" }

// GoString keeps a ticket out of logs.
func (t Ticket) GoString() string { return "[ticket]" }

// Ticket returns the session's.
func (m *Manager) Ticket(s Session) Ticket { return s.token.ticket(m.Audience) }

func (t Token) ticket(audience string) Ticket {
	mac := hmac.New(sha256.New, t[:])
	mac.Write([]byte("sidegate ticket\x00" + audience))
	ticket := Ticket{proof: [sha256.Size]byte(mac.Sum(nil))}
	hex.Decode(ticket.session[:], []byte(t.key(audience)[2:]))
	return ticket
}

func (t Ticket) equal(o Ticket) bool {
	return subtle.ConstantTimeCompare(t.session[:], o.session[:])&subtle.ConstantTimeCompare(t.proof[:], o.proof[:]) == 1
}

// key names the session's record.
func (t Ticket) key() string { return "s:" + hex.EncodeToString(t.session[:]) }

// tokensKey names the record of the tokens of the session that is stored under key:
// whoever ends a session knows no more of it, and has to end both.
func tokensKey(key string) string { return "t:" + key[2:] }
