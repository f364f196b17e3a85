package fault

import (
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"sidegate/test/rig"
)

// FLT-20: a browser, or the app, that vanishes without a word costs nothing for
// longer than a minute: neither the connection to it nor the one behind it.
func TestAPeerThatVanishesIsForgottenWithinAMinute(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	cases := []*vanishing{
		browserVanishes(t, n, "browser, while the app talks", 200*time.Millisecond),
		browserVanishes(t, n, "browser, in silence", time.Hour),
		appVanishes(t, n, "app, in silence", time.Hour),
	}
	n.unplug()
	var all sync.WaitGroup
	for _, v := range cases {
		all.Go(v.wait)
	}
	all.Wait()
	for _, v := range cases {
		t.Logf("FLT-20: %s vanished: %d sockets, descriptors %d → %d in %s", v.who, vanished, v.full, v.after, v.took.Round(100*time.Millisecond))
		if v.after > v.base+2 {
			t.Errorf("%s vanished: %d descriptors after %v, %d before any socket", v.who, v.after, v.took, v.base)
		}
	}
}

// vanished is how many sockets the peer had open.
const vanished = 40

// vanishing is one process of sidegate, and its descriptors: without sockets, with
// them, and in the end.
type vanishing struct {
	who               string
	r                 *replica
	base, full, after int
	took              time.Duration
	t                 *testing.T
}

// wait looks until the descriptors are back, for the minute that is promised.
func (v *vanishing) wait() {
	begin := time.Now()
	for v.took < time.Minute {
		time.Sleep(100 * time.Millisecond)
		v.took = time.Since(begin)
		if v.after = descriptors(v.t, v.r.Pid()); v.after <= v.base+2 {
			return
		}
	}
}

func newVanishing(t *testing.T, who string, r *replica, d *door, people []*person, every time.Duration) *vanishing {
	t.Helper()
	r.client.CloseIdleConnections()
	d.client.CloseIdleConnections()
	time.Sleep(200 * time.Millisecond)
	v := &vanishing{who: who, r: r, base: descriptors(t, r.Pid()), t: t}
	newSockets(t, every).openMore(vanished, people, d)
	v.full = descriptors(t, r.Pid())
	if v.full < v.base+2*vanished {
		t.Fatalf("%d descriptors with %d sockets open, %d before", v.full, vanished, v.base)
	}
	return v
}

// browserVanishes has browsers at the other end of the cable. A relay there lets
// this process be them.
func browserVanishes(t *testing.T, n *network, who string, every time.Duration) *vanishing {
	t.Helper()
	s := newSite(t, settings{"SESSION_STORE": "memory:"})
	listen := net.JoinHostPort(n.here, strconv.Itoa(rig.FreePort(t)))
	r := s.stopped(settings{"LISTEN": listen})
	r.address = listen
	r.start()
	people := crowd(t, 4, r.door)
	far := s.door(socketPath(t))
	far.via = "unix"
	n.relay("unix "+far.address, "tcp "+listen)
	return newVanishing(t, who, r, far, people, every)
}

// appVanishes has the app at the other end of the cable.
func appVanishes(t *testing.T, n *network, who string, every time.Duration) *vanishing {
	t.Helper()
	s := newSite(t, settings{"SESSION_STORE": "memory:"})
	listen := net.JoinHostPort(n.there, strconv.Itoa(rig.FreePort(t)))
	n.start(childRole+"=app", appListen+"="+listen)
	r := s.replica(settings{"UPSTREAM": "http://" + listen})
	people := crowd(t, 4, r.door)
	return newVanishing(t, who, r, r.door, people, every)
}
