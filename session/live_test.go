package session

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sidegate/identity"
)

func TestCloseWhoEndsOnlyThose(t *testing.T) {
	var l Live
	ended := make(map[string]bool)
	for _, name := range []string{"alice", "bob"} {
		l.Add(Session{ID: name, Identity: identity.Identity{Subject: name}}, func(Reason) { ended[name] = true })
	}
	if n := l.CloseWho(func(id identity.Identity) bool { return id.Subject == "bob" }); n != 1 || !ended["bob"] || ended["alice"] {
		t.Errorf("closed %d: %v", n, ended)
	}
	if n := l.CloseSession("bob"); n != 0 {
		t.Errorf("bob's connection was ended twice")
	}
}

// What an app was told once is true until its connection ends; requests that are told
// anew each time go on.
func TestRenewEndsConnectionsWhoseAppWasToldOtherwise(t *testing.T) {
	var l Live
	why := make(map[string]Reason)
	s := Session{ID: "a", Identity: identity.Identity{Subject: "alice"}}
	end := func(name string) func(Reason) {
		return func(r Reason) {
			if _, twice := why[name]; twice {
				t.Errorf("%s was ended twice", name)
			}
			why[name] = r
		}
	}
	l.AddTold(s, identity.Identity{Roles: []string{"editor"}}, end("old"))
	l.AddTold(s, identity.Identity{Roles: []string{"admin"}}, end("new"))
	l.Add(s, end("request"))
	l.AddTold(s, identity.Identity{Roles: []string{"editor"}}, func(Reason) { t.Error("ended after it was gone") })()
	stale := func(s Session, told identity.Identity) bool {
		return s.Identity.Subject == "alice" && told.Roles[0] == "editor"
	}
	if n := l.Renew(stale); n != 1 || len(why) != 1 || why["old"] != Renewed() {
		t.Errorf("closed %d: %v", n, why)
	}
	if n := l.Renew(stale); n != 0 {
		t.Errorf("closed %d more", n)
	}
	if n := l.CloseSession("a"); n != 2 || why["new"] != Ended() || why["request"] != Ended() {
		t.Errorf("the session's end closed %d: %v", n, why)
	}
}

func TestRemovedConnectionIsNotEnded(t *testing.T) {
	var l Live
	remove := l.Add(Session{ID: "a"}, func(Reason) { t.Error("ended after it was gone") })
	remove()
	remove()
	if n := l.CloseSession("a"); n != 0 || l.Len() != 0 {
		t.Errorf("closed %d, %d left", n, l.Len())
	}
}

// Browsers that are cut off together come back together: a drain spreads them.
func TestDrainSpreadsAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Live
		var mu sync.Mutex
		var times []time.Duration
		start := time.Now()
		for i := range 100 {
			var remove func()
			remove = l.Add(Session{ID: fmt.Sprint(i)}, func(why Reason) {
				if why != Restarting() {
					t.Errorf("reason %+v", why)
				}
				mu.Lock()
				times = append(times, time.Since(start))
				mu.Unlock()
				time.AfterFunc(100*time.Millisecond, func() { remove() })
			})
		}
		l.Drain(t.Context(), 8*time.Second)
		if len(times) != 100 || l.Len() != 0 {
			t.Fatalf("%d ended, %d left", len(times), l.Len())
		}
		early := 0
		for _, at := range times {
			if at < 4*time.Second {
				early++
			}
		}
		if early < 40 || early > 60 {
			t.Errorf("%d of 100 in the first half", early)
		}
	})
}

func TestDrainEndsInTimeWhenAConnectionHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Live
		l.Add(Session{ID: "hangs"}, func(Reason) {})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		l.Drain(ctx, 7*time.Second)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestDrainOfNothingIsImmediate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		new(Live).Drain(t.Context(), time.Hour)
		if took := time.Since(start); took > 0 {
			t.Errorf("took %s", took)
		}
	})
}

func TestLiveUnderConcurrency(t *testing.T) {
	var l Live
	var ended atomic.Int64
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for range 100 {
				remove := l.Add(Session{ID: fmt.Sprint(i)}, func(Reason) { ended.Add(1) })
				if i%2 == 0 {
					l.CloseSession(fmt.Sprint(i))
				}
				remove()
			}
		})
	}
	wg.Wait()
	if l.Len() != 0 || ended.Load() != 25*100 {
		t.Errorf("%d left, %d ended, want 0 and 2500", l.Len(), ended.Load())
	}
}

// seated is a connection with a place of its own.
type seated struct {
	place Place
	why   []Reason
}

func (s *seated) SessionEnded(why Reason) { s.why = append(s.why, why) }

// Its end is told to it alone, once, and not after it has left.
func TestAConnectionWithItsOwnPlaceEndsWithItsSession(t *testing.T) {
	var l Live
	stays, leaves := &seated{}, &seated{}
	for _, s := range []*seated{stays, leaves} {
		l.Enter(Session{ID: "a"}, &s.place, s)
	}
	l.Leave(&leaves.place)
	l.Leave(&leaves.place)
	if l.Len() != 1 {
		t.Errorf("%d are open, want 1", l.Len())
	}
	if n := l.CloseSession("b") + l.CloseSession("a") + l.CloseSession("a"); n != 1 || len(stays.why) != 1 || stays.why[0] != Ended() || len(leaves.why) != 0 {
		t.Errorf("closed %d: %v, and one that was gone: %v", n, stays.why, leaves.why)
	}
	l.Leave(&stays.place)
	l.Enter(Session{ID: "b"}, &stays.place, stays)
	if n := l.CloseSession("a") + l.CloseSession("b"); n != 1 || len(stays.why) != 2 {
		t.Errorf("in its next session: closed %d, %v", n, stays.why)
	}
	l.Leave(&stays.place)
	if l.Len() != 0 || len(l.Sessions()) != 0 {
		t.Errorf("%d are open", l.Len())
	}
}

// Every plain request enters and leaves.
func TestToEnterAndToLeaveMakesNoGarbage(t *testing.T) {
	var l Live
	others, s := &seated{}, &seated{}
	l.Enter(Session{ID: "a"}, &others.place, others)
	if got := testing.AllocsPerRun(100, func() {
		l.Enter(Session{ID: "a"}, &s.place, s)
		l.Leave(&s.place)
	}); got > 0 {
		t.Errorf("%.0f allocations", got)
	}
}
