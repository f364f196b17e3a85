package login_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sidegate/identity"
	"sidegate/login"
)

// source is a scripted login.GroupSource.
type source struct {
	mu     sync.Mutex
	asked  int
	busy   int // questions under way
	most   int // the most that ever were
	answer func(ctx context.Context, id identity.Identity) ([]string, error)
}

func (s *source) Groups(ctx context.Context, id identity.Identity) ([]string, error) {
	s.mu.Lock()
	s.asked++
	s.busy++
	s.most = max(s.most, s.busy)
	answer := s.answer
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.busy--
		s.mu.Unlock()
	}()
	return answer(ctx, id)
}

func (s *source) says(groups ...string) {
	s.script(func(context.Context, identity.Identity) ([]string, error) { return groups, nil })
}

func (s *source) fails(why string) {
	s.script(func(context.Context, identity.Identity) ([]string, error) { return nil, errors.New(why) })
}

func (s *source) hangs() {
	s.script(func(ctx context.Context, _ identity.Identity) ([]string, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
}

func (s *source) script(f func(context.Context, identity.Identity) ([]string, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

func (s *source) questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

const life = 10 * time.Minute

// inTime runs a test of a Directory in a time of its own.
func inTime(t *testing.T, test func(t *testing.T, d *login.Directory, s *source, log *lines)) {
	synctest.Test(t, func(t *testing.T) {
		s, log := &source{}, &lines{}
		s.says("ops@corp.example", "all@corp.example", "ops@corp.example")
		test(t, login.NewDirectory(s, life, time.Now, slog.New(slog.NewTextHandler(log, nil))), s, log)
		time.Sleep(6 * time.Second) // what is under way ends
	})
}

// learn asks as a request does and returns what is known then.
func learn(t *testing.T, d *login.Directory, id identity.Identity) string {
	t.Helper()
	d.Learn(t.Context(), id)
	return known(d, id)
}

func known(d *login.Directory, id identity.Identity) string {
	groups, known := d.Groups(id)
	if !known {
		return "unknown"
	}
	return strings.Join(groups, " ")
}

const members = "all@corp.example ops@corp.example"

func TestGroupsAreAskedForOnceInTheirLifetime(t *testing.T) {
	inTime(t, func(t *testing.T, d *login.Directory, s *source, _ *lines) {
		if got := known(d, ann()); got != "unknown" {
			t.Errorf("before anybody asked: %s", got)
		}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if got := learn(t, d, ann()); got != members {
					t.Errorf("got %s", got)
				}
			})
		}
		all.Wait()
		time.Sleep(life - time.Second)
		if got := learn(t, d, ann()); got != members || s.questions() != 1 {
			t.Errorf("within the lifetime: %s after %d questions", got, s.questions())
		}
	})
}

// After the lifetime nobody waits for the new answer, and it counts when it is there.
func TestAnOldAnswerIsUsedUntilTheNewOneIsThere(t *testing.T) {
	inTime(t, func(t *testing.T, d *login.Directory, s *source, _ *lines) {
		learn(t, d, ann())
		s.script(func(context.Context, identity.Identity) ([]string, error) {
			time.Sleep(3 * time.Second)
			return nil, nil
		})
		time.Sleep(life)
		began := time.Now()
		for range 50 {
			if got := learn(t, d, ann()); got != members || time.Since(began) != 0 {
				t.Fatalf("got %s after %v", got, time.Since(began))
			}
		}
		time.Sleep(3*time.Second + time.Millisecond)
		if got := known(d, ann()); got != "" || s.questions() != 2 {
			t.Errorf("got %q after %d questions, want no groups after 2", got, s.questions())
		}
		time.Sleep(life - 4*time.Second) // of an answer counts from the question
		for _, want := range []int{2, 3} {
			learn(t, d, ann())
			synctest.Wait()
			if n := s.questions(); n != want {
				t.Errorf("%d questions, want %d", n, want)
			}
			time.Sleep(time.Second)
		}
	})
}

// Who is in stays in through an outage, for the lifetime and an hour, and not longer;
// whom nobody has ever confirmed is not.
func TestAnOutageOfTheSourceIsSurvivedForTheGrace(t *testing.T) {
	inTime(t, func(t *testing.T, d *login.Directory, s *source, _ *lines) {
		start := time.Now()
		learn(t, d, ann())
		s.fails("down")
		bob := ann()
		bob.Email = "bob@corp.example"
		if got := learn(t, d, bob); got != "unknown" {
			t.Errorf("bob, who was never confirmed: %s", got)
		}
		for time.Since(start) < life+login.GroupsGrace {
			if got := learn(t, d, ann()); got != members {
				t.Fatalf("after %v: %s", time.Since(start), got)
			}
			time.Sleep(30 * time.Second)
		}
		if got := learn(t, d, ann()); got != "unknown" {
			t.Errorf("after %v: %s", time.Since(start), got)
		}
		// One question a minute at most, once it has failed for a while.
		if n := s.questions(); n > 2+70+10 {
			t.Errorf("%d questions during %v", n, time.Since(start))
		}
		s.says("new@corp.example")
		time.Sleep(time.Minute)
		learn(t, d, ann())
		synctest.Wait()
		if got := known(d, ann()); got != "new@corp.example" {
			t.Errorf("after the outage: %s", got)
		}
	})
}

// The first question has its time; after it failed, requests wait for none.
func TestASourceThatHangsHoldsNobodyUpTwice(t *testing.T) {
	inTime(t, func(t *testing.T, d *login.Directory, s *source, _ *lines) {
		s.hangs()
		for i, most := range []time.Duration{5 * time.Second, 0, 0} {
			began := time.Now()
			if got := learn(t, d, ann()); got != "unknown" || time.Since(began) > most {
				t.Errorf("request %d: %s after %v, want at most %v", i, got, time.Since(began), most)
			}
		}
		time.Sleep(10 * time.Second)
		began := time.Now()
		if learn(t, d, ann()); time.Since(began) > 0 || s.questions() < 1 {
			t.Errorf("a later question held a request up for %v", time.Since(began))
		}
		// Whoever leaves does not take the question along.
		bob := ann()
		bob.Email = "bob@corp.example"
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		s.script(func(context.Context, identity.Identity) ([]string, error) {
			time.Sleep(2 * time.Second)
			return []string{"ops@corp.example"}, nil
		})
		d.Learn(ctx, bob)
		if took := time.Since(began); took != time.Second {
			t.Errorf("waited %v", took)
		}
		time.Sleep(time.Second + time.Millisecond)
		if got := known(d, bob); got != "ops@corp.example" {
			t.Errorf("bob: %s", got)
		}
	})
}

func TestACrowdIsAskedAboutInTurns(t *testing.T) {
	inTime(t, func(t *testing.T, d *login.Directory, s *source, _ *lines) {
		s.script(func(context.Context, identity.Identity) ([]string, error) {
			time.Sleep(50 * time.Millisecond)
			return []string{"all@corp.example"}, nil
		})
		var crowd sync.WaitGroup
		for i := range 500 {
			crowd.Go(func() {
				id := ann()
				id.Email = fmt.Sprintf("p%d@corp.example", i)
				if got := learn(t, d, id); got != "all@corp.example" {
					t.Errorf("%s: %s", id.Email, got)
				}
			})
		}
		crowd.Wait()
		if s.most > 16 || s.asked != 500 {
			t.Errorf("%d questions, up to %d at once", s.asked, s.most)
		}
	})
}

// Only an address that the provider vouches for says whose groups to look for
// (SEC-DOM-03, SEC-DOM-04).
func TestNobodyGetsGroupsByAnAddressThatMayBeAnothers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*identity.Identity)
		asks   bool
	}{
		{"a Workspace account", func(*identity.Identity) {}, true},
		{"a gmail account", func(id *identity.Identity) { id.Email, id.HostedDomain = "Ann@GMail.com", "" }, true},
		{"a consumer account with a company's address", func(id *identity.Identity) { id.HostedDomain = "" }, false},
		{"notgmail.com", func(id *identity.Identity) { id.Email, id.HostedDomain = "ann@notgmail.com", "" }, false},
		{"x@gmail.com.evil.example", func(id *identity.Identity) { id.Email, id.HostedDomain = "x@gmail.com.evil.example", "" }, false},
		{"another provider's account", func(id *identity.Identity) { id.Issuer, id.HostedDomain = "https://idp.example", "" }, true},
		{"an address not verified", func(id *identity.Identity) { id.EmailVerified = false }, false},
		{"no address", func(id *identity.Identity) { id.Email = "" }, false},
		{"two addresses", func(id *identity.Identity) { id.Email = "ann@corp.example@evil.example" }, false},
		{"nobody", func(id *identity.Identity) { id.Subject = "" }, false},
	} {
		inTime(t, func(t *testing.T, d *login.Directory, s *source, _ *lines) {
			id := ann()
			tt.change(&id)
			want := ""
			if tt.asks {
				want = members
			}
			if got := learn(t, d, id); got != want || s.questions() != map[bool]int{true: 1}[tt.asks] {
				t.Errorf("%s: %q after %d questions", tt.name, got, s.questions())
			}
		})
	}
}

// SEC-DOM-15: another account with the same address is another person, and so is the
// same account with another address.
// Google's groups are by address, and another provider's people may have any.
func TestGroupsAreLookedUpForTheAccountsOfOneProvider(t *testing.T) {
	inTime(t, func(t *testing.T, d *login.Directory, s *source, _ *lines) {
		d.Issuer = ann().Issuer
		other := ann()
		other.Issuer = "https://corp.okta.com"
		if got := learn(t, d, other); got != "" || s.questions() != 0 {
			t.Errorf("another provider's: %q after %d questions", got, s.questions())
		}
		if got := learn(t, d, ann()); got != members {
			t.Errorf("its own: %q", got)
		}
	})
}

func TestGroupsAreThoseOfOneAccountWithOneAddress(t *testing.T) {
	inTime(t, func(t *testing.T, d *login.Directory, s *source, _ *lines) {
		learn(t, d, ann())
		again, renamed, elsewhere := ann(), ann(), ann()
		again.Subject, renamed.Email, elsewhere.Issuer = "2", "ann2@corp.example", "https://idp.example"
		for _, id := range []identity.Identity{again, renamed, elsewhere} {
			if got := known(d, id); got != "unknown" {
				t.Errorf("%+v: %s", id, got)
			}
		}
	})
}

// The log says once that groups cannot be looked up, and why, and when they can again.
func TestTheLogIsToldOfAnOutageOnce(t *testing.T) {
	inTime(t, func(t *testing.T, d *login.Directory, s *source, log *lines) {
		s.fails("answered 503")
		for i := range 300 {
			id := ann()
			id.Email = fmt.Sprintf("p%d@corp.example", i)
			learn(t, d, id)
			time.Sleep(time.Second)
		}
		if n := strings.Count(log.String(), "cannot be looked up"); n != 1 || !strings.Contains(log.String(), "answered 503") {
			t.Errorf("%d lines: %s", n, log.String())
		}
		s.fails("answered 403")
		time.Sleep(time.Minute)
		learn(t, d, ann())
		synctest.Wait()
		if !strings.Contains(log.String(), "answered 403") {
			t.Errorf("another cause is not said: %s", log.String())
		}
		s.says()
		for range 20 {
			time.Sleep(time.Minute)
			learn(t, d, ann())
		}
		synctest.Wait()
		if n := strings.Count(log.String(), "can be looked up again"); n != 1 {
			t.Errorf("the end of the outage is said %d times: %s", n, log.String())
		}
		if strings.Contains(log.String(), "corp.example") {
			t.Errorf("the log names people: %s", log.String())
		}
	})
}

// However many people come, memory is bounded.
func TestPeopleAreForgotten(t *testing.T) {
	inTime(t, func(t *testing.T, d *login.Directory, s *source, _ *lines) {
		last := ann()
		for i := range 50_100 {
			last.Email = fmt.Sprintf("p%d@corp.example", i)
			learn(t, d, last)
		}
		if got := known(d, last); got != members {
			t.Errorf("the last one: %s", got)
		}
		kept := 0
		for i := range 50_100 {
			last.Email = fmt.Sprintf("p%d@corp.example", i)
			if known(d, last) == members {
				kept++
			}
		}
		if kept > 50_000 || kept < 49_000 {
			t.Errorf("%d are kept", kept)
		}
	})
}
