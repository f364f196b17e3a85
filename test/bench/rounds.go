package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// size is how much is measured.
type size struct {
	rounds   int // of all that is compared
	colds    int // rounds of starting and sleeping
	flat     time.Duration
	paced    time.Duration
	large    int // 1 MiB each
	messages int // on each of talkers
	sockets  int
	signIns  time.Duration
	grow     grown
	people   int // whose sessions are counted at Redis
}

func fullSize() size {
	return size{
		rounds: 5, colds: 3, flat: 2 * time.Second, paced: 2 * time.Second, large: 200, messages: 250, sockets: 1000,
		signIns: 2 * time.Second, people: 2000,
		grow: grown{rounds: 3, each: time.Second, conns: []int{1, 10, 100, 1000}, stored: []int{10, 1000, 100_000},
			used: []int{1, 100, 1000, 10_000}, headers: []int{10, 20, 40, 60}},
	}
}

// quickSize is for trying bench itself: its figures are no good.
func quickSize() size {
	return size{
		rounds: 1, colds: 1, flat: time.Second, paced: 500 * time.Millisecond, large: 20, messages: 20, sockets: 100,
		signIns: 300 * time.Millisecond, people: 100,
		grow: grown{rounds: 1, each: time.Second, conns: []int{1, 100}, stored: []int{10, 1000}, used: []int{1, 100}, headers: []int{10, 60}},
	}
}

const talkers = 32 // WebSockets that are used at the same time

// run is one comparison.
type run struct {
	*site
	size
	all     []*candidate
	figures figures
	out     io.Writer // what is going on
	began   time.Time
}

func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.out, "%4.0f s  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// each calls do for every candidate, beginning with another one in every round: who
// comes first meets a machine that has just done something else.
func (r *run) each(round int, do func(*candidate) error) error {
	for i := range r.all {
		if err := do(r.all[(i+round)%len(r.all)]); err != nil {
			return err
		}
	}
	return nil
}

// open starts all candidates, and signs somebody in where that is needed.
func (r *run) open(ctx context.Context) error {
	return r.each(0, func(c *candidate) error {
		if err := c.start(ctx); err != nil {
			return err
		}
		return c.signIn(ctx)
	})
}

// prove has all candidates prove themselves.
func (r *run) prove(ctx context.Context) error {
	return r.each(0, func(c *candidate) error { return c.prove(ctx) })
}

// compare runs the rounds, in which all candidates run, and take turns.
func (r *run) compare(ctx context.Context) error {
	for round := range r.rounds {
		r.say("round %d of %d", round+1, r.rounds)
		for _, measure := range []func(context.Context, *candidate) error{r.flatOut, r.atPace, r.transfers, r.talks} {
			if err := r.prove(ctx); err != nil {
				return err
			}
			if err := r.each(round, func(c *candidate) error { return measure(ctx, c) }); err != nil {
				return err
			}
		}
		if err := r.prove(ctx); err != nil {
			return err
		}
	}
	return nil
}

// account runs do and returns what the candidate used of the processors meanwhile.
func account(c *candidate, do func() error) (time.Duration, error) {
	before, err := usageOf(c.all()...)
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, fmt.Errorf("%s: %w", c.name, err)
	}
	after, err := usageOf(c.all()...)
	return after.since(before), err
}

func (r *run) flatOut(ctx context.Context, c *candidate) error {
	var f flat
	used, err := account(c, func() (err error) {
		f, err = r.wrk(ctx, c.url, connections, r.size.flat, browserHeader(), c.cookie)
		return err
	})
	if err != nil {
		return err
	}
	r.figures.add(cpuFlat, c.name, micros(used)/float64(f.requests))
	r.figures.add(rateFlat, c.name, float64(f.requests)/f.took.Seconds())
	return nil
}

func (r *run) atPace(ctx context.Context, c *candidate) error {
	var p paced
	used, err := account(c, func() (err error) {
		p, err = r.site.paced(ctx, c, r.size.paced)
		return err
	})
	if err != nil {
		return err
	}
	r.figures.add(cpuPaced, c.name, micros(used)/float64(len(p.waits)))
	r.figures.add(waitHalf, c.name, micros(percentile(p.waits, 50)))
	r.figures.add(waitMost, c.name, micros(percentile(p.waits, 99)))
	return nil
}

func (r *run) transfers(ctx context.Context, c *candidate) error {
	var took time.Duration
	used, err := account(c, func() (err error) {
		took, err = transfer(ctx, c, pathLarge, largeSize, r.large, 8)
		return err
	})
	if err != nil {
		return err
	}
	r.figures.add(cpuLarge, c.name, micros(used)/float64(r.large))
	r.figures.add(rateLarge, c.name, float64(r.large)/took.Seconds())
	used, err = account(c, func() (err error) {
		took, err = transfer(ctx, c, pathHuge, hugeSize, 1, 1)
		return err
	})
	if err != nil {
		return err
	}
	r.figures.add(cpuHuge, c.name, millis(used))
	r.figures.add(rateHuge, c.name, hugeSize/largeSize/took.Seconds())
	return nil
}

func (r *run) talks(_ context.Context, c *candidate) error {
	var waits []time.Duration
	used, err := account(c, func() (err error) {
		waits, err = talk(c, talkers, r.messages)
		return err
	})
	if err != nil {
		return err
	}
	r.figures.add(cpuTalk, c.name, micros(used)/float64(len(waits)))
	r.figures.add(talkHalf, c.name, micros(percentile(waits, 50)))
	r.figures.add(talkMost, c.name, micros(percentile(waits, 99)))
	return nil
}

// signInMany measures sign-ins: pressing the button included, and the provider's own
// work, which is no one's here but takes its share of the machine.
func (r *run) signInMany(ctx context.Context) error {
	for round := range r.colds {
		r.say("sign-ins, %d of %d", round+1, r.colds)
		err := r.each(round, func(c *candidate) error {
			if !c.gate || c.launch == nil {
				return nil
			}
			var n int
			var took time.Duration
			used, err := account(c, func() (err error) {
				n, took, err = signInMany(ctx, c.url+pathSmall, 8, r.size.signIns)
				return err
			})
			if err != nil {
				return err
			}
			r.figures.add(signIns, c.name, float64(n)/took.Seconds())
			r.figures.add(cpuSignIn, c.name, millis(used)/float64(n))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// cold starts each candidate anew: how long until it answers, what it holds then, and
// what a sleeping WebSocket adds.
func (r *run) cold(ctx context.Context) error {
	for _, c := range r.all {
		c.stop()
	}
	for round := range r.colds {
		r.say("starting and sleeping, %d of %d", round+1, r.colds)
		err := r.each(round, func(c *candidate) error {
			if c.launch == nil {
				return nil
			}
			defer c.stop()
			return r.coldOne(ctx, c)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) coldOne(ctx context.Context, c *candidate) error {
	begin := time.Now()
	if err := c.start(ctx); err != nil {
		return err
	}
	r.figures.add(rising, c.name, millis(time.Since(begin)))
	if err := c.signIn(ctx); err != nil {
		return err
	}
	if err := c.prove(ctx); err != nil {
		return err
	}
	held, err := memoryOf(c.pids...)
	if err != nil {
		return err
	}
	r.figures.add(idle, c.name, held/1024)
	each, err := sleep(c, r.sockets, 300*time.Millisecond)
	if err != nil {
		return err
	}
	r.figures.add(sleeping, c.name, each)
	return nil
}
