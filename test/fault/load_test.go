package fault

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load is people who ask on and on, at a rate that no trouble slows down.
type load struct {
	people []*person
	doors  []*door
	cancel context.CancelFunc
	loop   sync.WaitGroup
	asking sync.WaitGroup

	mu  sync.Mutex
	now tally
}

// tally is what came of the requests of a while.
type tally struct {
	asked, failed, mixed, signedOut int
	took                            []time.Duration
	plain                           []time.Duration // of requests that need no session, sent in between
	examples                        []string        // of what went wrong
}

// startLoad has people ask through the doors in turn, rate requests a second.
func startLoad(t testing.TB, people []*person, rate int, doors ...*door) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{people: people, doors: doors, cancel: cancel}
	l.loop.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				l.asking.Go(func() { l.ask(n) })
				if n%2 == 0 {
					l.asking.Go(func() { l.askPlain(l.doors[n/2%len(l.doors)]) })
				}
			}
		}
	})
	t.Cleanup(func() { l.stop() })
	return l
}

// ask sends request n, and judges the answer. Everybody comes through every door.
func (l *load) ask(n int) {
	p, d := l.people[n%len(l.people)], l.doors[(n+n/len(l.people))%len(l.doors)]
	k := pageLoad
	if n%2 == 1 {
		k = script
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	begin := time.Now()
	got, err := d.ask(ctx, p, k, "/who?n="+strconv.Itoa(n))
	l.note(p, n, time.Since(begin), got, err)
}

// askPlain asks for what is open to everybody, on the same way through the gate to
// the app: how long that takes is how busy the machine is.
func (l *load) askPlain(d *door) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	begin := time.Now()
	if got, err := d.ask(ctx, nil, script, openPath); err != nil || got.StatusCode != http.StatusOK {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.plain = append(l.now.plain, time.Since(begin))
}

func (l *load) note(p *person, n int, took time.Duration, got answer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.asked++
	l.now.took = append(l.now.took, took)
	what := ""
	switch want := whoSays(p.email, strconv.Itoa(n)); {
	case err != nil:
		l.now.failed++
		what = err.Error()
	case signsOut(got):
		l.now.signedOut++
		what = fmt.Sprintf("%s to %q, cookies %v", got.Status, got.Header.Get("Location"), got.Cookies())
	case got.StatusCode == http.StatusOK && got.body != want:
		l.now.mixed++
		what = fmt.Sprintf("%q, want %q", got.body, want)
	case got.StatusCode != http.StatusOK:
		l.now.failed++
		what = fmt.Sprintf("%s %.100q", got.Status, got.body)
	}
	if what != "" && len(l.now.examples) < 5 {
		l.now.examples = append(l.now.examples, fmt.Sprintf("%s, request %d, after %v: %s", p.name, n, took.Round(time.Millisecond), what))
	}
}

// signsOut reports whether an answer takes a session away or asks for a new one.
func signsOut(a answer) bool {
	return a.StatusCode == http.StatusUnauthorized || a.Header.Get("Location") != "" || len(a.Cookies()) > 0
}

// lap returns what came since the last lap.
func (l *load) lap() tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.now
	l.now = tally{}
	slices.Sort(t.took)
	slices.Sort(t.plain)
	return t
}

// stop waits for the last answers, and returns what came since the last lap.
func (l *load) stop() tally {
	l.cancel()
	l.loop.Wait()
	l.asking.Wait()
	return l.lap()
}

// p returns a quantile of how long answers took.
func (t tally) p(quantile float64) time.Duration { return quantileOf(t.took, quantile) }

func quantileOf(sorted []time.Duration, quantile float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(quantile*float64(len(sorted))))]
}

// added is how much longer the slowest hundredth took than that of requests in
// between which need no session.
func (t tally) added() time.Duration { return max(0, t.p(.99)-quantileOf(t.plain, .99)) }

func (t tally) String() string {
	return fmt.Sprintf("known requests failed %d of %d, sign-outs %d, mix-ups %d", t.failed, t.asked, t.signedOut, t.mixed)
}

// wantFlawless fails the test unless everybody got what they asked for.
func (t tally) wantFlawless(tb testing.TB, when string) {
	tb.Helper()
	if t.failed+t.mixed+t.signedOut > 0 {
		tb.Errorf("%s: %v\n%s", when, t, strings.Join(t.examples, "\n"))
	}
	if t.asked == 0 {
		tb.Errorf("%s: nobody asked", when)
	}
}

// ms prints a time as the figures do.
func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// counter counts from several goroutines.
type counter = atomic.Int64

// number reads what Redis prints.
func number(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
