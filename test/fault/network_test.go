package fault

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sidegate/test/need"
	"sidegate/test/rig"
)

// network is another machine, as far as TCP can tell: a network namespace at the
// other end of a virtual cable (veth(4)). What is cut there is cut without a word,
// as by a crashed machine, a lost Wi-Fi or a firewall.
type network struct {
	t           testing.TB
	ip          string // the program
	name        string
	here, there string // addresses: of this end of the cable, and of the other
}

// newNetwork lays the cable. It ends with the test.
func newNetwork(t testing.TB) *network {
	t.Helper()
	need.Root(t, "a network namespace that it can cut off")
	n := &network{t: t, ip: need.Program(t, "ip", "iproute2"), name: fmt.Sprintf("sg%d-%d", os.Getpid()%100_000, rand.IntN(100_000))}
	third, fourth := rand.IntN(256), 4*rand.IntN(64)
	prefix := fmt.Sprintf("10.%d.%d.", 200+rand.IntN(50), third)
	n.here, n.there = fmt.Sprintf("%s%d", prefix, fourth+1), fmt.Sprintf("%s%d", prefix, fourth+2)
	cable := n.name[2:] // an interface's name has at most 15 bytes
	n.do("netns", "add", n.name)
	unguard := rig.Guard(t, n.ip+" netns delete $0", n.name)
	t.Cleanup(func() { n.do("netns", "delete", n.name); unguard() }) // and the cable with it
	n.do("link", "add", "h"+cable, "type", "veth", "peer", "name", "eth0", "netns", n.name)
	n.do("address", "add", n.here+"/30", "dev", "h"+cable)
	n.do("link", "set", "h"+cable, "up")
	n.do("-netns", n.name, "address", "add", n.there+"/30", "dev", "eth0")
	n.do("-netns", n.name, "link", "set", "lo", "up")
	n.do("-netns", n.name, "link", "set", "eth0", "up")
	return n
}

func (n *network) do(args ...string) {
	n.t.Helper()
	if out, err := exec.Command(n.ip, args...).CombinedOutput(); err != nil {
		n.t.Errorf("ip %v: %v: %s", args, err, out)
		n.t.FailNow()
	}
}

// unplug pulls the cable at the other end.
func (n *network) unplug() { n.t.Helper(); n.do("-netns", n.name, "link", "set", "eth0", "down") }

// swallow has the other machine's answers vanish: connecting to it neither works
// nor fails, and open connections fall silent.
func (n *network) swallow() {
	n.t.Helper()
	n.do("-netns", n.name, "route", "add", "blackhole", n.here)
}

// spit ends swallow.
func (n *network) spit() {
	n.t.Helper()
	n.do("-netns", n.name, "route", "delete", "blackhole", n.here)
}

// start runs this test binary over there, in another role.
func (n *network) start(env ...string) *rig.Process {
	n.t.Helper()
	return rig.Start(n.t, env, n.ip, "netns", "exec", n.name, os.Args[0])
}

// relay passes connections on, over there, and returns once it listens. Addresses
// are as in "unix /path"; a path leads to the same file on both sides.
func (n *network) relay(from, to string) {
	n.t.Helper()
	p := n.start(childRole+"=relay", relayFrom+"="+from, relayTo+"="+to)
	rig.Eventually(n.t, func() string { return "no relay from " + from }, func() bool {
		p.Alive(n.t)
		c, err := dial(from)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// socketPath is a path short enough for a Unix socket, which t.TempDir's may not be.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}
