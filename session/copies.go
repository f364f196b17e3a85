package session

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// freshWithFeed is how long a copy is trusted while the feed is up: it would have
	// told of a revocation. It is longer than a step of Touch, whose write confirms
	// that the record is there: a busy session is never read again.
	freshWithFeed = 90 * time.Second
	// freshWithout is how long a copy is trusted in any case, and so how late a
	// revocation can take effect where the feed is cut.
	freshWithout = 5 * time.Second
	// maxGeneration is how many copies are kept before the older half is dropped.
	maxGeneration = 20_000
)

// copies are the sessions that this process has read or written. They answer most
// requests without the store, and all of them for a while when it is in trouble.
//
// A copy vouches for a session only as far as a revocation would have been heard:
// while the feed is up, else up to the moment it was cut. A new epoch begins with
// every connect, as something may have been missed before it.
type copies struct {
	now func() time.Time

	mu         sync.Mutex
	young, old map[string]*copied // by store key; when young is full it becomes old
	flights    map[string]*flight
	dead, gone map[string]struct{}  // revoked keys, in two generations as well
	absent     map[string]time.Time // when the store said that there is no such key
	up         bool                 // the feed is
	cut        time.Time            // when it was cut
	epoch      int
	failing    time.Time // since when the store has not answered; zero: it does
}

type copied struct {
	session   Session
	confirmed time.Time // when the store last said that it is there
	epoch     int
	touching  bool // somebody writes its activity
}

// flight is a read under way, which everybody who asks for the same key waits for.
type flight struct {
	done    chan struct{}
	session Session
	err     error
	revoked bool // meanwhile: whatever was read is over
}

func newCopies(now func() time.Time) *copies {
	return &copies{
		now: now, young: make(map[string]*copied), flights: make(map[string]*flight), dead: make(map[string]struct{}),
		absent: make(map[string]time.Time),
	}
}

// trust is how far a copy can stand for the store's answer.
type trust int

const (
	none     trust = iota
	instead        // of a store that does not answer: nobody need wait for it
	standing       // for it
	buried         // it was revoked, whatever the store says
)

// look returns the copy of a session, and how far it can be trusted.
func (c *copies) look(key string, grace time.Duration) (Session, trust) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.isOver(key, now) {
		return Session{}, buried
	}
	k := c.find(key)
	if k == nil {
		return Session{}, none
	}
	age := now.Sub(k.confirmed)
	switch {
	case !now.Before(k.session.Expires):
		return Session{}, none
	case age < freshWithout, c.up && k.epoch == c.epoch && age < freshWithFeed:
		return k.session, standing
	case !c.failing.IsZero() && c.serves(k, grace):
		return k.session, instead
	}
	return Session{}, none
}

// answered notes whether the store answered a call that is of no session.
func (c *copies) answered(err error, began moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.judge(err, began)
}

// deaf reports whether the feed is down.
func (c *copies) deaf() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.up
}

// troubled reports whether the store did not answer when it was asked last.
func (c *copies) troubled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.failing.IsZero()
}

// join returns the read of key that is under way, or begins one, which the caller
// then has to land.
func (c *copies) join(key string) (f *flight, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[key]; f != nil {
		return f, false
	}
	f = &flight{done: make(chan struct{})}
	c.flights[key] = f
	return f, true
}

// land ends a read that began at the given time and epoch with the store's answer.
// With the store in trouble a copy within the grace answers instead.
func (c *copies) land(key string, f *flight, s Session, err error, began moment, grace time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, key)
	defer close(f.done)
	c.judge(err, began)
	f.session, f.err = s, err
	switch {
	case f.revoked:
		f.session, f.err = Session{}, ErrNone
	case err == nil:
		c.put(key, &copied{session: s, confirmed: began.at, epoch: began.epoch})
	case err == ErrNone:
		c.drop(key)
		c.miss(key, began.at)
	default:
		if k := c.find(key); k != nil && c.serves(k, grace) {
			f.session, f.err = k.session, nil
		}
	}
}

// serves reports whether a copy may answer although the store does not.
func (c *copies) serves(k *copied, grace time.Duration) bool {
	now := c.now()
	vouched := k.confirmed
	if k.epoch == c.epoch && c.cut.After(vouched) {
		vouched = c.cut
	}
	if k.epoch == c.epoch && c.up {
		vouched = now
	}
	return now.Sub(vouched) <= grace && now.Sub(c.failing) <= grace && now.Before(k.session.Expires)
}

// moment is when a read or write of the store began.
type moment struct {
	at    time.Time
	epoch int
}

func (c *copies) begin() moment {
	c.mu.Lock()
	defer c.mu.Unlock()
	return moment{c.now(), c.epoch}
}

// claim reports whether the caller shall write the session's activity: nobody does,
// and it was not written since s was found.
func (c *copies) claim(key string, s Session) (Session, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.find(key)
	switch {
	case k == nil:
		return s, true
	case k.touching:
		return s, false
	case k.session.Seen.After(s.Seen):
		return k.session, false
	}
	k.touching = true
	return s, true
}

// touched ends a claim. A written session replaces the copy, unless that was dropped
// meanwhile: it may be revoked.
func (c *copies) touched(key string, s Session, err error, began moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.judge(err, began)
	k := c.find(key)
	if k == nil {
		return
	}
	k.touching = false
	if err == nil {
		k.session, k.confirmed, k.epoch = s, began.at, began.epoch
	}
}

// revoked forgets a session that is over, also for a read that is under way.
func (c *copies) revoked(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(key)
	if f := c.flights[key]; f != nil {
		f.revoked = true
	}
}

// feed notes the state of the feed, and reports whether it is back after it was cut:
// something may have been missed.
func (c *copies) feed(up bool) (restored bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if up == c.up {
		return false
	}
	c.up = up
	if !up {
		c.cut = c.now()
		return false
	}
	c.epoch++
	return c.epoch > 1
}

// doubt forgets all copies; reads under way will not be trusted for long.
func (c *copies) doubt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.young, c.old = make(map[string]*copied), nil
	c.epoch++
}

// judge tells by the outcome of a call whether the store is in trouble.
// Precondition, here and below: mu is held.
func (c *copies) judge(err error, began moment) {
	switch {
	case err == nil, errors.Is(err, ErrNone), errors.Is(err, ErrFull):
		c.failing = time.Time{}
	case c.failing.IsZero() && !errors.Is(err, context.Canceled): // a caller who left
		c.failing = began.at
	}
}

func (c *copies) find(key string) *copied {
	if k := c.young[key]; k != nil {
		return k
	}
	k := c.old[key]
	if k != nil {
		delete(c.old, key)
		c.put(key, k)
	}
	return k
}

func (c *copies) put(key string, k *copied) {
	if len(c.young) >= maxGeneration {
		c.young, c.old = make(map[string]*copied), c.young
	}
	delete(c.old, key)
	delete(c.absent, key)
	c.young[key] = k
}

func (c *copies) drop(key string) {
	delete(c.young, key)
	delete(c.old, key)
}
