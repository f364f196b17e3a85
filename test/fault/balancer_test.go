package fault

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sidegate/test/rig"
)

// lookEvery is how often the balancer asks who is ready. It learns so much late that
// a replica stops, as a service of Kubernetes does.
const lookEvery = 200 * time.Millisecond

// balancer passes each new connection on to the next replica that says it is ready,
// and leaves those that are open alone.
type balancer struct {
	*door
	replicas []*replica
	ready    atomic.Pointer[[]*replica]
	turn     atomic.Int64
	lost     atomic.Int64 // connections that found nobody
}

// balancer listens at the site's public address.
func (s *site) balancer(replicas ...*replica) *balancer {
	s.t.Helper()
	b := &balancer{door: s.door(rig.Loopback(s.port)), replicas: replicas}
	b.look()
	l, err := net.Listen("tcp", b.address)
	if err != nil {
		s.t.Fatal(err)
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for tick := time.Tick(lookEvery); ; b.look() {
			select {
			case <-stop:
				return
			case <-tick:
			}
		}
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go b.pass(c)
		}
	})
	s.t.Cleanup(func() {
		close(stop)
		l.Close()
		all.Wait()
	})
	return b
}

func (b *balancer) look() {
	var ready []*replica
	for _, r := range b.replicas {
		if r.ready() {
			ready = append(ready, r)
		}
	}
	b.ready.Store(&ready)
}

func (b *balancer) pass(c net.Conn) {
	ready := *b.ready.Load()
	if len(ready) == 0 {
		b.lost.Add(1)
		c.Close()
		return
	}
	to, err := net.Dial("tcp", ready[int(b.turn.Add(1))%len(ready)].address)
	if err != nil {
		b.lost.Add(1)
		c.Close()
		return
	}
	join(c, to)
}

// wantAll waits until the balancer sees all its replicas ready.
func (b *balancer) wantAll(t testing.TB) {
	t.Helper()
	rig.Eventually(t, func() string { return "the balancer never saw all replicas ready" },
		func() bool { return len(*b.ready.Load()) == len(b.replicas) })
}
