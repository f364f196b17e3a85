package fault

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sidegate/session/sessiontest"
)

// FLT-22: two replicas are restarted one after the other, twice, under load. Nobody
// notices: no request fails, slow answers and downloads come whole, WebSockets are
// closed with 1012 a few at a time and find the other replica.
func TestARollingRestartLosesNoRequest(t *testing.T) {
	t.Parallel()
	const drain = 4 * time.Second
	s := newSite(t, settings{"SESSION_STORE": sessiontest.Redis(t).URL, "DRAIN": drain.String()})
	replicas := []*replica{s.replica(nil), s.replica(nil)}
	b := s.balancer(replicas...)
	people := crowd(t, 60, b.door)
	open := openSockets(t, 100, people, b.door)
	back := comeBack(t, open, b.door)
	load := startLoad(t, people, 100, b.door)
	long := startLongAnswers(t, people, b.door)

	time.Sleep(2 * time.Second)
	var slowest, spread time.Duration
	for range 2 {
		for _, r := range replicas {
			seen := len(open.ended())
			slowest = max(slowest, r.stop())
			spread = max(spread, spreadOf(open.ended()[seen:]))
			r.start()
			b.wantAll(t)
			time.Sleep(time.Second)
		}
	}
	all := load.stop()
	answers, broken := long.stop()
	ends := open.ended()
	unclean := 0
	for _, e := range ends {
		if e.code != 1012 {
			unclean++
		}
	}
	t.Logf("FLT-22: %v, long answers broken %d of %d, sockets closed other than by 1012: %d of %d, not back %d, refused by the balancer %d, slowest exit %s of DRAIN %v, closing spread over %s",
		all, len(broken), answers, unclean, len(ends), back.failed(), b.lost.Load(), ms(slowest), drain, ms(spread))
	all.wantFlawless(t, "over two rolling restarts")
	if len(broken) > 0 {
		t.Errorf("long answers: %s", strings.Join(broken[:min(5, len(broken))], "\n"))
	}
	if unclean > 0 || len(ends) == 0 {
		t.Errorf("%d of %d closed sockets were not told 1012: %s", unclean, len(ends), codes(ends))
	}
	if back.failed() > 0 {
		t.Errorf("%d sockets did not come back: %v", back.failed(), back.err())
	}
	if slowest > drain+time.Second {
		t.Errorf("the slowest exit took %v, want at most DRAIN and a second, %v", slowest, drain+time.Second)
	}
	if spread < drain/4 {
		t.Errorf("all WebSockets of a replica were closed within %v: their browsers come back in one moment", spread)
	}
	open.wantOwn("over two rolling restarts")
}

// spreadOf is how much time lies between the first ending and the last.
func spreadOf(ends []ending) time.Duration {
	if len(ends) == 0 {
		return 0
	}
	first, last := ends[0].at, ends[0].at
	for _, e := range ends {
		if e.at.Before(first) {
			first = e.at
		}
		if e.at.After(last) {
			last = e.at
		}
	}
	return last.Sub(first)
}

// returning opens every socket that ends again, as a page's script does.
type returning struct {
	mu   sync.Mutex
	errs []error
}

func comeBack(t *testing.T, open *sockets, d *door) *returning {
	r := &returning{}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for seen := 0; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
			for _, e := range open.ended()[seen:] {
				seen++
				all.Go(func() {
					if err := open.add(ctx, e.who, d); err != nil && ctx.Err() == nil {
						r.mu.Lock()
						defer r.mu.Unlock()
						r.errs = append(r.errs, err)
					}
				})
			}
		}
	})
	t.Cleanup(func() { cancel(); all.Wait() })
	return r
}

func (r *returning) failed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.errs)
}

func (r *returning) err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.errs) == 0 {
		return nil
	}
	return r.errs[0]
}

// longAnswers are requests that are under way whenever a replica is told to stop.
type longAnswers struct {
	cancel context.CancelFunc
	all    sync.WaitGroup
	mu     sync.Mutex
	asked  int
	broken []string
}

func startLongAnswers(t *testing.T, people []*person, d *door) *longAnswers {
	ctx, cancel := context.WithCancel(context.Background())
	l := &longAnswers{cancel: cancel}
	for i := range 8 {
		l.all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				p := people[(i+8*n)%len(people)]
				path, want := "/slow?ms=1000&n=7", whoSays(p.email, "7")
				if i%2 == 1 {
					path, want = "/stream?ms=1000", "end\n"
				}
				got, err := d.ask(context.Background(), p, script, path)
				l.mu.Lock()
				l.asked++
				if err != nil || got.StatusCode != http.StatusOK || !strings.HasSuffix(got.body, want) {
					l.broken = append(l.broken, fmt.Sprintf("%s: %v %.100q", path, err, got.body))
				}
				l.mu.Unlock()
			}
		})
	}
	t.Cleanup(func() { l.stop() })
	return l
}

func (l *longAnswers) stop() (asked int, broken []string) {
	l.cancel()
	l.all.Wait()
	return l.asked, l.broken
}

// FLT-22: from the signal on /readyz says no, while the listener goes on answering
// for a moment and asks its clients to go elsewhere.
func TestAStoppingReplicaSaysSoBeforeItStopsAnswering(t *testing.T) {
	t.Parallel()
	s := newSite(t, settings{"SESSION_STORE": "memory:", "DRAIN": "6s"})
	r := s.replica(nil)
	people := crowd(t, 10, r.door)
	load := startLoad(t, people, 50, r.door)
	time.Sleep(500 * time.Millisecond)
	begin := time.Now()
	r.Signal(syscall.SIGTERM)
	for r.ready() {
		if time.Since(begin) > 2*time.Second {
			t.Fatal("still ready 2 s after SIGTERM")
		}
		time.Sleep(5 * time.Millisecond)
	}
	unready := time.Since(begin)
	got, err := r.ask(t.Context(), people[0], pageLoad, "/who?n=1")
	switch {
	case err != nil || got.StatusCode != http.StatusOK:
		t.Errorf("a request right after SIGTERM: %v %v, want it served: balancers hear of it a moment later", got.Status, err)
	case !got.Close:
		t.Error("an answer after SIGTERM does not carry Connection: close")
	}
	time.Sleep(300 * time.Millisecond) // a balancer would have noticed by now
	served := load.stop()
	code := r.ExitCode(t)
	t.Logf("FLT-22: unready %s after SIGTERM, %v meanwhile, exit %d after %s", ms(unready), served, code, ms(time.Since(begin)))
	served.wantFlawless(t, "while it stops")
	if code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// FLT-23: with nothing open a process ends at once, also when the app is gone
// already, as beside an ordinary container of the same pod. What is open and unused
// does not hold it up for longer than balancers need to look: connections kept alive,
// and one that a browser opened ahead of need, over which nothing was ever asked.
func TestNothingIsWaitedForWhenNothingIsOpen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*testing.T, *site, *replica)
		promise time.Duration
	}{
		"nothing is open":               {func(_ *testing.T, _ *site, r *replica) { r.client.CloseIdleConnections() }, time.Second},
		"nothing is open, no app":       {func(_ *testing.T, s *site, r *replica) { r.client.CloseIdleConnections(); s.app.Kill() }, time.Second},
		"connections are kept alive":    {func(*testing.T, *site, *replica) {}, 4 * time.Second},
		"a connection was never used":   {func(t *testing.T, _ *site, r *replica) { preconnect(t, r) }, time.Second},
		"the last request was long ago": {func(*testing.T, *site, *replica) { time.Sleep(12 * time.Second) }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, settings{"SESSION_STORE": "memory:", "DRAIN": "20s"})
			r := s.replica(nil)
			for _, p := range crowd(t, 1, r.door) { // over one connection, which stays open
				wantServed(t, []*person{p}, r.door)
			}
			c.prepare(t, s, r)
			time.Sleep(100 * time.Millisecond)
			took := r.stop()
			t.Logf("FLT-23: %s: exit after %s of DRAIN 20s", name, ms(took))
			if took > c.promise+time.Second {
				t.Errorf("the exit took %v; %v are promised, and this machine may be busy", took, c.promise)
			}
		})
	}
}

// preconnect opens a connection and asks nothing, as browsers do.
func preconnect(t *testing.T, r *replica) {
	t.Helper()
	r.client.CloseIdleConnections()
	c, err := r.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
}

// FLT-24: whoever sends a second signal does not want to wait.
func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	t.Parallel()
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(second.String(), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, settings{"SESSION_STORE": "memory:", "DRAIN": "30s"})
			r := s.replica(nil)
			p := crowd(t, 1, r.door)[0]
			slow := make(chan struct{})
			go func() {
				defer close(slow)
				_, _ = r.ask(t.Context(), p, script, "/slow?ms=25000")
			}()
			time.Sleep(300 * time.Millisecond)
			r.Signal(syscall.SIGTERM)
			time.Sleep(500 * time.Millisecond)
			r.Alive(t) // it waits for the request
			begin := time.Now()
			r.Signal(second)
			r.ExitCode(t)
			took := time.Since(begin)
			<-slow
			t.Logf("FLT-24: exit %s after a second signal, %v", ms(took), second)
			if took > 2*time.Second {
				t.Errorf("the exit took %v after the second signal", took)
			}
		})
	}
}

// FLT-26: a sign-in that was begun before a restart, or on another replica, or with
// a secret that is the second by now, completes.
func TestASignInOutlivesTheProcessThatBeganIt(t *testing.T) {
	t.Parallel()
	s := newSite(t, settings{"SESSION_STORE": sessiontest.Redis(t).URL})
	a, b := s.replica(nil), s.replica(nil)
	const n = 50
	people, callbacks := make([]*person, n), make([]string, n)
	for i := range people {
		people[i] = newPerson(fmt.Sprintf("late-%d", i))
	}
	if err := together(8, people, func(i int, p *person) (err error) {
		callbacks[i], err = p.begin(t.Context(), a.door)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	a.stop()
	a.settings["SECRET"] = newSecret + "," + oldSecret
	a.start()
	b.settings["SECRET"] = newSecret + "," + oldSecret
	done := 0
	for i, p := range people {
		d := []*door{a.door, b.door}[i%2]
		if i == n/2 {
			b.stop()
			b.start()
		}
		if err := p.finish(t.Context(), d, callbacks[i]); err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		done++
	}
	lost := wantServed(t, people, a.door, b.door)
	t.Logf("FLT-26: sign-ins completed %d of %d, sessions not served %d", done, n, lost)
}

// FLT-27: a secret is rotated in three steps, one replica after the other, with
// sign-ins going on all the time. Nobody has to sign in again before the old one is
// taken away.
func TestARotatedSecretSignsNobodyOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, settings{"SESSION_STORE": sessiontest.Redis(t).URL})
	a, b := s.replica(nil), s.replica(nil)
	people := crowd(t, 40, a.door, b.door)
	again := 0
	for step, secrets := range []string{oldSecret + "," + newSecret, newSecret + "," + oldSecret} {
		for i, r := range []*replica{a, b} {
			r.stop()
			r.settings["SECRET"] = secrets
			r.start()
			for n := range 10 {
				p := newPerson(fmt.Sprintf("step-%d-%d-%d", step, i, n))
				if err := p.signIn(t.Context(), []*door{a.door, b.door}[n%2]); err != nil {
					t.Fatal(err)
				}
				people = append(people, p)
			}
			again += wantServed(t, people, a.door, b.door) + wantServed(t, people, b.door, a.door)
		}
	}
	t.Logf("FLT-27: re-logins %d of %d people over 2 steps on 2 replicas", again, len(people))

	for _, r := range []*replica{a, b} {
		r.stop()
		r.settings["SECRET"] = newSecret
		r.start()
	}
	got, err := a.ask(t.Context(), people[0], script, "/who")
	if err != nil || got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a session sealed with the retired secret got %v, %v; want 401: else this test shows nothing", got.Status, err)
	}
}
