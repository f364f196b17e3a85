package login

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"sidegate/access"
	"sidegate/identity"
)

const (
	// GroupsGrace is how long after its lifetime an answer still holds when the source
	// of groups fails: whoever is in stays in through an outage, and nobody for ever.
	GroupsGrace = time.Hour
	// groupsTime bounds one question, the wait for its turn included.
	groupsTime = 5 * time.Second
	// groupsAtOnce is how many people are asked about at the same time.
	groupsAtOnce = 16
	// groupsWait is the pause after a question failed; each further one is twice as
	// long, up to groupsLongest.
	groupsWait    = 5 * time.Second
	groupsLongest = time.Minute
	// groupsSaid is how long the log does not repeat why questions fail.
	groupsSaid = 10 * time.Minute
	// maxPeople bounds how many people's groups are kept, in memory.
	maxPeople = 50_000
)

// GroupSource tells which groups somebody is in: all of them, or an error. An error
// must not hold an address or a token, as it goes to the log.
type GroupSource interface {
	Groups(ctx context.Context, id identity.Identity) ([]string, error)
}

// Directory knows people's groups by asking a GroupSource, once for all who want to
// know at the same time, and again when the answer has served its lifetime. It is an
// access.Directory.
//
// An old answer is used while a new one is on its way, so that nobody waits but at
// the first question. When the source fails, an answer holds for GroupsGrace more;
// after that, and where there never was one, nobody knows.
type Directory struct {
	Issuer string // whose accounts it is asked about; empty: anybody's

	source GroupSource
	life   time.Duration
	now    func() time.Time
	log    *slog.Logger
	turns  chan struct{} // holds one for each question under way

	mu     sync.Mutex
	people map[string]*groupsOf
	fault  string // why questions fail, as the log has it
	said   time.Time
	failed time.Time
}

var _ access.Directory = (*Directory)(nil)

// groupsOf is what is known of one person.
type groupsOf struct {
	groups    []string
	confirmed time.Time     // when the answer was asked for; zero: there is none
	used      time.Time     // when somebody last wanted to know
	retry     time.Time     // no question before this
	wait      time.Duration // the present pause between questions; 0: the last one was answered
	asking    chan struct{} // closed when the question under way has ended
}

// NewDirectory returns a Directory that uses an answer for life.
func NewDirectory(source GroupSource, life time.Duration, now func() time.Time, log *slog.Logger) *Directory {
	return &Directory{
		source: source, life: life, now: now, log: log,
		turns: make(chan struct{}, groupsAtOnce), people: make(map[string]*groupsOf),
	}
}

// Groups implements access.Directory.
func (d *Directory) Groups(id identity.Identity) (groups []string, known bool) {
	if !d.concerns(id) {
		return nil, true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.people[personKey(id)]
	if p == nil || !p.holds(d.now(), d.life+GroupsGrace) {
		return nil, false
	}
	return p.groups, true
}

// Learn implements access.Directory.
func (d *Directory) Learn(ctx context.Context, id identity.Identity) {
	if asking := d.Refresh(id); asking != nil {
		select {
		case <-asking:
		case <-ctx.Done():
		}
	}
}

// Refresh asks about id if that is due, and does not wait. It returns what is closed
// when the question has ended, if that is worth waiting for.
func (d *Directory) Refresh(id identity.Identity) (asking <-chan struct{}) {
	if !d.concerns(id) {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now, key := d.now(), personKey(id)
	p := d.people[key]
	if p == nil {
		d.makeRoom(now)
		p = &groupsOf{}
		d.people[key] = p
	}
	p.used = now
	if p.asking == nil && !p.holds(now, d.life) && !now.Before(p.retry) {
		p.asking = make(chan struct{})
		go d.ask(id, p)
	}
	if p.asking == nil || p.wait > 0 || p.holds(now, d.life+GroupsGrace) {
		return nil
	}
	return p.asking
}

// holds reports whether the answer is younger than life. A clock that was set back
// makes it old.
func (p *groupsOf) holds(now time.Time, life time.Duration) bool {
	age := now.Sub(p.confirmed)
	return !p.confirmed.IsZero() && age >= 0 && age < life
}

// ask asks the source. It goes on when those who wait have left.
func (d *Directory) ask(id identity.Identity, p *groupsOf) {
	ctx, cancel := context.WithTimeout(context.Background(), groupsTime)
	defer cancel()
	began := d.now()
	groups, err := d.askInTurn(ctx, id)
	groups = slices.Clip(slices.Compact(slices.Sorted(slices.Values(groups))))

	d.mu.Lock()
	defer d.mu.Unlock()
	close(p.asking)
	p.asking = nil
	d.note(err)
	if err != nil {
		p.wait = min(max(2*p.wait, groupsWait), groupsLongest)
		p.retry = d.now().Add(p.wait)
		return
	}
	p.groups, p.confirmed, p.wait, p.retry = groups, began, 0, time.Time{}
}

func (d *Directory) askInTurn(ctx context.Context, id identity.Identity) ([]string, error) {
	select {
	case d.turns <- struct{}{}:
		defer func() { <-d.turns }()
		return d.source.Groups(ctx, id)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// note says in the log what has changed. A source that is down fails for everybody,
// and one that is not may still refuse to say anything of some: neither shall fill the
// log.
func (d *Directory) note(err error) {
	now := d.now()
	switch {
	case err != nil:
		d.failed = now
		if err.Error() == d.fault && now.Sub(d.said) < groupsSaid {
			return
		}
		d.fault, d.said = err.Error(), now
		d.log.Warn("groups cannot be looked up: who needs one to enter cannot, unless it was confirmed within the last hour", "error", d.fault)
	case d.fault != "" && now.Sub(d.failed) > 2*groupsLongest:
		d.fault = ""
		d.log.Info("groups can be looked up again")
	}
}

// makeRoom forgets people of whom nobody has asked for long, and then anybody.
func (d *Directory) makeRoom(now time.Time) {
	if len(d.people) < maxPeople {
		return
	}
	for key, p := range d.people {
		if p.asking == nil && now.Sub(p.used) >= d.life {
			delete(d.people, key)
		}
	}
	for key, p := range d.people {
		if len(d.people) < maxPeople {
			return
		}
		if p.asking == nil {
			delete(d.people, key)
		}
	}
}

func personKey(id identity.Identity) string {
	return id.Issuer + "\x00" + id.Subject + "\x00" + id.Email
}

// concerns reports whether an account's address tells whose groups to look for. The
// provider must have verified it; and Google must own it, or have it from a Workspace
// domain, when the account is Google's: other accounts keep an address that they
// once had ("Google is authoritative" in Google's OpenID Connect guide).
func (d *Directory) concerns(id identity.Identity) bool {
	email, ok := access.FoldEmail(id.Email)
	if !ok || d.Issuer != "" && id.Issuer != d.Issuer || !id.EmailVerified || id.IsZero() {
		return false
	}
	return id.Issuer != GoogleIssuer || id.HostedDomain != "" ||
		strings.HasSuffix(email, "@gmail.com") || strings.HasSuffix(email, "@googlemail.com")
}
