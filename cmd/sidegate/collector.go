package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// roomyHeap is how much the heap may hold before it is collected while there is much
	// to do, and smallHeap what has to live in it for that: without a word the runtime
	// collects at 4 MiB, some twenty times a second, which is a tenth of what a request
	// costs.
	roomyHeap = 32 << 20
	smallHeap = 16 << 20
	// muchGarbage is, in bytes a second, when there is much to do.
	muchGarbage = 4 << 20
	// steadyAfter is how many collections have to agree on that.
	steadyAfter = 8
	// giveBackTime is how long nothing has to be collected until what was used for a
	// rush begins to be given back.
	giveBackTime = 10 * time.Second
	// usualPercent is the runtime's own GOGC.
	usualPercent = 100
)

// collector sets how much garbage may gather before the next collection, after each
// one. More than usual may as long as garbage comes fast, the heap is small, and what
// lives in it does not grow: with WebSockets that are being opened it does, and their
// memory is to be what they need.
type collector struct {
	last    state
	steady  int    // collections that agreed
	least   uint64 // bytes that lived at one of them
	percent int

	giveBack time.Duration // giveBackTime
	calm     *time.Timer   // collects when nothing else has for that long
}

// state is the heap's, at a collection.
type state struct {
	at        time.Time
	live      uint64 // bytes that were found alive
	roots     uint64 // bytes that it looks through besides, stacks and variables
	allocated uint64 // bytes, since the process began
}

// next returns the percent until the next collection.
func (c *collector) next(now state) int {
	took := now.at.Sub(c.last.at).Seconds()
	busy := took > 0 && float64(now.allocated-c.last.allocated)/took >= muchGarbage
	c.least = min(c.least, now.live)
	grown := now.live > c.least+c.least/8
	if busy && !grown && now.live <= smallHeap {
		c.steady++
	} else {
		c.steady, c.least = 0, now.live
	}
	c.last = now
	if c.steady < steadyAfter {
		return usualPercent
	}
	// The runtime takes the percent of both.
	return max(usualPercent, int((roomyHeap-now.live)*100/max(now.live+now.roots, 1<<20)))
}

func stateNow() state {
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}, {Name: "/gc/heap/allocs:bytes"},
	}
	metrics.Read(samples)
	value := func(i int) uint64 { return samples[i].Value.Uint64() }
	return state{at: time.Now(), live: value(0), roots: value(1) + value(2), allocated: value(3)}
}

// collected is called after a collection, and asks to be called after the next.
func (c *collector) collected() {
	percent := c.next(stateNow())
	// It stops all that runs for a moment: not for a little more or less.
	if change := percent - c.percent; percent == usualPercent && change != 0 || max(change, -change) > c.percent/8 {
		c.percent = percent
		debug.SetGCPercent(percent)
	}
	if c.percent == usualPercent {
		c.calm.Stop()
	} else {
		c.calm.Reset(c.giveBack)
	}
	c.watch()
}

// watch has collected called after the next collection, by which the runtime notices
// that nobody has the mark any more.
func (c *collector) watch() {
	type mark struct{ _ *collector } // not so small that it would share its place
	runtime.AddCleanup(&mark{}, (*collector).collected, c)
}

// paceCollector has the collector follow what there is to do, unless somebody has set
// GOGC. Whatever bounds memory holds all the same.
func paceCollector(giveBack time.Duration) {
	if _, set := os.LookupEnv("GOGC"); set {
		return
	}
	c := &collector{percent: usualPercent, giveBack: giveBack, calm: time.AfterFunc(giveBack, runtime.GC)}
	c.calm.Stop()
	c.watch()
}
