package main

import (
	"os"
	"os/exec"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
)

// rush is a row of collections, each so long after the one before, after so much was
// allocated and with so much alive.
func rush(c *collector, n int, gap time.Duration, allocated, live uint64) (percent int) {
	for range n {
		percent = c.next(state{at: c.last.at.Add(gap), live: live, roots: 1 << 20, allocated: c.last.allocated + allocated})
	}
	return percent
}

func TestMoreGarbageMayGatherInARushAndNoLonger(t *testing.T) {
	const mib = 1 << 20
	begin := func() *collector { return &collector{last: state{at: time.Now(), live: 3 * mib}} }
	for name, tt := range map[string]struct {
		gap             time.Duration
		allocated, live uint64
		want            int
	}{
		"a small heap, much to do":   {50 * time.Millisecond, 4 * mib, 3 * mib, (32 - 3) * 100 / 4},
		"half of the room in use":    {50 * time.Millisecond, 16 * mib, 15 * mib, 17 * 100 / 16},
		"a large heap":               {50 * time.Millisecond, 17 * mib, 17 * mib, 100},
		"little to do":               {2 * time.Second, 4 * mib, 3 * mib, 100},
		"nearly nothing lives":       {50 * time.Millisecond, 4 * mib, 100, 3200 * mib / (mib + 100)},
		"a clock that stands still":  {0, 4 * mib, 3 * mib, 100},
		"a clock that was set back":  {-time.Second, 4 * mib, 3 * mib, 100},
		"a collection somebody asks": {time.Millisecond, 0, 3 * mib, 100},
	} {
		c := begin()
		c.last.live, c.least = tt.live, tt.live
		if got := rush(c, steadyAfter-1, tt.gap, tt.allocated, tt.live); got != 100 {
			t.Errorf("%s: %d%% after %d collections, want to see more of them", name, got, steadyAfter-1)
		}
		got := rush(c, 1, tt.gap, tt.allocated, tt.live)
		if got < tt.want-1 || got > tt.want+1 {
			t.Errorf("%s: %d%%, want %d%%", name, got, tt.want)
		}
	}
	c := begin()
	c.least = 3 * mib
	rush(c, steadyAfter, 50*time.Millisecond, 4*mib, 3*mib)
	if got := rush(c, 1, 2*time.Minute, 4*mib, 3*mib); got != 100 {
		t.Errorf("the rush is over, and it is still %d%%", got)
	}
}

// FLT-28: a sleeping WebSocket is to cost what it needs, and not the garbage of its
// beginning with it.
func TestNoMoreGarbageThanUsualGathersWhileTheHeapGrows(t *testing.T) {
	c := &collector{last: state{at: time.Now(), live: 2 << 20}}
	for live := uint64(2 << 20); live < smallHeap; live += live / 40 { // most of what a handshake allocates is garbage
		if got := rush(c, 1, 50*time.Millisecond, live, live+live/40); got != 100 {
			t.Errorf("%d%% with %d bytes alive", got, live)
		}
	}
	rush(c, 2*steadyAfter, 50*time.Millisecond, 4<<20, 4<<20)
	if got := rush(c, 1, 50*time.Millisecond, 28<<20, 5<<20); got != 100 {
		t.Errorf("%d%% when the heap grows in the middle of a rush", got)
	}
}

// The runtime's collector really does it, and leaves it when somebody has set GOGC.
func TestTheCollectorFollowsWhatThereIsToDo(t *testing.T) {
	if os.Getenv("A_RUSH") != "" {
		inARush(t)
		return
	}
	for name, gogc := range map[string]string{"": "", "GOGC=100": "GOGC=100"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			again := exec.Command(os.Args[0], "-test.run=^TestTheCollectorFollowsWhatThereIsToDo$", "-test.v")
			for _, e := range os.Environ() {
				if !strings.HasPrefix(e, "GOGC=") {
					again.Env = append(again.Env, e)
				}
			}
			again.Env = append(again.Env, "A_RUSH=1")
			if gogc != "" {
				again.Env = append(again.Env, gogc)
			}
			if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), "saw all of it") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// inARush is for a process of its own: the collector is one for all of it.
func inARush(t *testing.T) {
	paceCollector(200 * time.Millisecond)
	_, set := os.LookupEnv("GOGC")
	raised := func() bool { return percentNow() > usualPercent }
	for end := time.Now().Add(30 * time.Second); !raised() && time.Now().Before(end); {
		if set && time.Now().After(end.Add(-28*time.Second)) {
			t.Log("saw all of it")
			return
		}
		rushed = make([]byte, 8<<10)
	}
	if set || !raised() {
		t.Fatalf("GOGC set: %t; in a rush the collector has %d%%", set, percentNow())
	}
	for end := time.Now().Add(60 * time.Second); raised() && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	if raised() {
		t.Fatalf("after the rush the collector has %d%%", percentNow())
	}
	t.Log("saw all of it")
}

// rushed keeps the compiler from taking the garbage away.
var rushed []byte

func percentNow() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
