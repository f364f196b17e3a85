package fault

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"sidegate/session/sessiontest"
	"sidegate/test/rig"
)

// FLT-34: who signs out at one replica loses everything at the other within a
// second: open WebSockets, and the copy that answers requests.
func TestASignOutReachesAllReplicas(t *testing.T) {
	t.Parallel()
	s := newSite(t, settings{"SESSION_STORE": sessiontest.Redis(t).URL})
	a, b := s.replica(nil), s.replica(nil)
	const n = 150
	people := crowd(t, n, a.door, b.door)
	wantServed(t, people, a.door)
	wantServed(t, people, b.door)
	open := openSockets(t, n, people, b.door)
	stay := crowd(t, 10, a.door)
	untouched := openSockets(t, 10, stay, b.door)

	var mu sync.Mutex
	out := make(map[*person]time.Time)
	thieves := make([]*person, n) // who kept a copy of the cookie
	for i, p := range people {
		thieves[i] = p.copy()
	}
	if err := together(4, people, func(_ int, p *person) error {
		begin := time.Now()
		err := p.signOut(t.Context(), a.door)
		mu.Lock()
		defer mu.Unlock()
		out[p] = begin
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var took []time.Duration
	for _, e := range open.waitEnded(n) {
		took = append(took, e.at.Sub(out[e.who]))
		if e.code != 1008 {
			t.Errorf("%v, want code 1008", e)
		}
	}
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	in := 0
	for _, thief := range thieves {
		if got, err := b.ask(t.Context(), thief, script, "/who"); err != nil || got.StatusCode != http.StatusUnauthorized {
			in++
			t.Errorf("an ended session gets %s at the other replica (%v)", got.Status, err)
		}
	}
	dropped := untouched.wantUntouched("while others signed out")
	t.Logf("FLT-34: sockets at the other replica closed p50 %s, p99 %s, last %s after the sign-out, codes %s; ended sessions served there %d of %d; other people's sockets dropped %d",
		ms(took[len(took)/2]), ms(p99), ms(took[len(took)-1]), codes(open.ended()), in, n, dropped)
	if p99 > 3*time.Second {
		t.Errorf("p99 is %v; 1 s is promised, and this machine may be busy", p99)
	}
}

// copy is a second browser with the same cookies.
func (p *person) copy() *person {
	other := newPerson(p.name)
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, value := range p.jar {
		other.jar[name] = value
	}
	return other
}

// FLT-34: a replica whose feed is cut, while the store itself works, stops trusting
// its copies: a sign-out elsewhere takes effect within the window of five seconds.
// When the feed is back, so is the speed.
func TestAReplicaWithoutFeedTrustsNoCopyForLong(t *testing.T) {
	t.Parallel()
	const window = 5 * time.Second
	redis := sessiontest.Redis(t)
	redis.Do("ACL", "SETUSER", "hears", "on", ">password-of-a", "~*", "&*", "+@all")
	redis.Do("ACL", "SETUSER", "deaf", "on", ">password-of-b", "~*", "&*", "+@all")
	as := func(user, password string) settings {
		u, err := url.Parse(redis.URL)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(user, password)
		return settings{"SESSION_STORE": u.String()}
	}
	s := newSite(t, nil)
	a, b := s.replica(as("hears", "password-of-a")), s.replica(as("deaf", "password-of-b"))
	people := crowd(t, 40, a.door)
	wantServed(t, people, b.door)
	stay := crowd(t, 20, a.door)
	load := startLoad(t, stay, 50, b.door)

	redis.Do("ACL", "SETUSER", "deaf", "resetchannels") // its subscriptions are closed, and new ones refused
	time.Sleep(time.Second)
	longest := signOutAndWatch(t, people[:20], a, b)
	redis.Do("ACL", "SETUSER", "deaf", "allchannels")
	time.Sleep(4 * time.Second) // it tries again
	again := signOutAndWatch(t, people[20:], a, b)
	served := load.stop()
	t.Logf("FLT-34: with the feed cut a session ended elsewhere was served for at most %s (window %v), with the feed back %s; %v", ms(longest), window, ms(again), served)
	served.wantFlawless(t, "with the feed cut")
	if longest > window+2*time.Second {
		t.Errorf("with the feed cut an ended session was served for %v; the window is %v", longest, window)
	}
	if again > 3*time.Second {
		t.Errorf("with the feed back an ended session was served for %v", again)
	}
}

// signOutAndWatch has people sign out at one replica, asks the other with a copy of
// the cookie all the time, and returns for how long anybody was served.
func signOutAndWatch(t *testing.T, people []*person, at, other *replica) (longest time.Duration) {
	t.Helper()
	var mu sync.Mutex
	if err := together(len(people), people, func(_ int, p *person) error {
		thief := p.copy()
		if err := thief.served(t.Context(), other.door); err != nil { // there is a copy, and it is young
			return err
		}
		if err := p.signOut(t.Context(), at.door); err != nil {
			return err
		}
		begin := time.Now()
		for {
			got, err := other.ask(t.Context(), thief, script, "/who")
			if err != nil {
				return err
			}
			if got.StatusCode == http.StatusUnauthorized {
				break
			}
			if time.Since(begin) > rig.Patience {
				return fmt.Errorf("an ended session is still served: %s", got.Status)
			}
			time.Sleep(100 * time.Millisecond)
		}
		mu.Lock()
		defer mu.Unlock()
		longest = max(longest, time.Since(begin))
		return nil
	}); err != nil {
		t.Error(err)
	}
	return longest
}
