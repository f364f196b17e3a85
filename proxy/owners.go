package proxy

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"sidegate/identity"
	"sidegate/proxy/apps"
	"sidegate/session"
)

// maxOwners is how many states of pages are remembered before the older half is
// forgotten.
const maxOwners = 20_000

// owners remembers to whom the app gave the state of a page that it keeps for a
// while, so that nobody else gets it by naming it: a browser that two people share
// names the first one's state when the second one's page connects.
//
// They are this process's: a restart forgets them. Somebody whose session is older than
// the process keeps their state then, as nobody knows better; whoever signed in since
// gets nothing that was not given to them here.
type owners struct {
	since time.Time

	mu         sync.Mutex
	young, old map[digest]digest // by state: person
}

type digest [16]byte

func digestOf(s string) digest {
	sum := sha256.Sum256([]byte(s))
	return digest(sum[:])
}

func personDigest(who identity.Identity) digest { return digestOf(who.Issuer + "\x00" + who.Subject) }

func newOwners(since time.Time) *owners {
	return &owners{since: since, young: make(map[digest]digest)}
}

// guard takes out of a handshake to the app the wish for a state of somebody else's.
func (o *owners) guard(h http.Header, socket apps.Socket, s session.Session) {
	if socket.Resumes == nil {
		return
	}
	const name = "Sec-Websocket-Protocol"
	if wish := socket.Resumes(h[name]); wish.Asked && !o.owns(wish, s) {
		h[name] = []string{wish.Without}
	}
}

// owns reports whether the person of s was given the state, claims it first, or may be
// taken at their word.
func (o *owners) owns(wish apps.Wish, s session.Session) bool {
	if wish.ID == "" {
		return false
	}
	if wish.Claims || s.Created.Before(o.since) {
		o.note(wish.ID, s.Identity)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	person, known := o.find(digestOf(wish.ID))
	return known && person == personDigest(s.Identity)
}

func (o *owners) find(state digest) (person digest, known bool) {
	if person, known = o.young[state]; !known {
		person, known = o.old[state]
	}
	return person, known
}

// note remembers that the app gave a state to somebody. The first one keeps it: the
// app gives none out twice.
func (o *owners) note(id string, who identity.Identity) {
	o.mu.Lock()
	defer o.mu.Unlock()
	state := digestOf(id)
	person, known := o.find(state)
	if !known {
		person = personDigest(who)
	}
	if len(o.young) >= maxOwners {
		o.old, o.young = o.young, make(map[digest]digest)
	}
	o.young[state] = person
}
