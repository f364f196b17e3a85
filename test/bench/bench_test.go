package main

import (
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"
)

// The parts that bench drives itself are tried on the app and the bare proxy, in this
// process: whole runs are for the command.
func pair(t *testing.T) (*site, []*candidate) {
	t.Helper()
	app := httptest.NewServer(newApp())
	t.Cleanup(app.Close)
	h, err := bareProxy(app.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(h)
	t.Cleanup(proxy.Close)
	return &site{dir: t.TempDir(), appURL: app.URL}, []*candidate{
		{name: "app", url: app.URL, pids: []int{os.Getpid()}}, {name: bare, url: proxy.URL, pids: []int{os.Getpid()}},
	}
}

func TestEveryMeasureReachesTheApp(t *testing.T) {
	s, all := pair(t)
	r := &run{site: s, size: quickSize(), figures: make(figures), out: t.Output()}
	for _, c := range all {
		if err := c.prove(t.Context()); err != nil {
			t.Error(err)
		}
		p, err := s.paced(t.Context(), c, 200*time.Millisecond)
		if err != nil {
			t.Error(err)
		}
		if n := 200 / connections * connections; len(p.waits) != n {
			t.Errorf("%s was asked %d times, want %d", c.name, len(p.waits), n)
		}
		if err := r.transfers(t.Context(), c); err != nil {
			t.Error(err)
		}
		if err := r.talks(t.Context(), c); err != nil {
			t.Error(err)
		}
		if _, err := sleep(c, 10, time.Millisecond); err != nil {
			t.Error(err)
		}
		if used := r.figures.of(cpuHuge, c.name); !(used.median > 0) {
			t.Errorf("%s moved 200 MiB in %v ms of a processor", c.name, used.median)
		}
	}
}

// The account agrees with getrusage(2), which is another way to the same kernel's count.
func TestTheAccountIsOfWhatWasUsed(t *testing.T) {
	spent := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := spent()
	used, err := account(&candidate{name: "me", pids: []int{os.Getpid()}}, func() error {
		for spent() < before+300*time.Millisecond {
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if after := spent() - before; used < 250*time.Millisecond || used > after+2*tick {
		t.Errorf("used %v of a processor, want 300 ms and at most the %v in all", used, after)
	}
}

// Workers are children, and what they use is their master's to answer for.
func TestChildrenCountAsTheirParents(t *testing.T) {
	p, err := start(t.TempDir(), "parent", nil, "/bin/sh", "-c", "while :; do :; done & wait")
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	var last usage
	begin, err := usageOf(p.pid())
	if err != nil {
		t.Fatal(err)
	}
	err = p.until(t.Context(), "use a processor", func() bool {
		last, err = usageOf(p.pid())
		return err == nil && last.since(begin) > 50*time.Millisecond
	})
	if err != nil {
		t.Error(err)
	}
	if held, err := memoryOf(p.pid()); err != nil || held < 50 {
		t.Errorf("two shells hold %v KiB, %v", held, err)
	}
}

// A candidate that has ended is a failure of the run, not one that costs nothing.
func TestTheAccountOfWhatIsGoneIsAnError(t *testing.T) {
	p, err := start(t.TempDir(), "gone", nil, "/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	<-p.exited
	if u, err := usageOf(p.pid()); err == nil {
		t.Errorf("used %v", u)
	}
	if held, err := memoryOf(p.pid()); err == nil {
		t.Errorf("holds %v", held)
	}
}
