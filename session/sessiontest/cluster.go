package sessiontest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

const (
	// clusterNodes is the least that a cluster needs to agree on what is down.
	clusterNodes = 3
	// slots is what they share.
	slots = 16384
)

// ClusterSet is three real Redis servers that are a cluster, each with a third of the
// slots. There are no replicas: the slots of a node that is killed are down until it
// is started again (and empty), and the others serve theirs on. Its methods are for
// the test's own goroutine.
type ClusterSet struct {
	URL   string // redis+cluster://127.0.0.1:PORT,…, with the password if there is one
	Nodes []*RedisServer

	t testing.TB
}

// Cluster starts a cluster and returns once all its slots are served. args are
// further redis-server options of every node; --requirepass is understood.
func Cluster(t testing.TB, args ...string) *ClusterSet {
	t.Helper()
	c := &ClusterSet{t: t}
	var addrs []string
	for range clusterNodes {
		r := newServer(t, password(args))
		bus := 0
		r.args = func() []string {
			if bus == 0 || r.portTaken() {
				bus = newPort()
			}
			return append([]string{
				"--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(bus), "--cluster-config-file", "nodes.conf",
				"--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no",
			}, args...)
		}
		r.startAnywhere()
		c.Nodes = append(c.Nodes, r)
		addrs = append(addrs, r.Addr())
		c.meet(bus)
	}
	c.URL = "redis+cluster://" + userinfo(password(args)) + strings.Join(addrs, ",")
	c.waitServed()
	return c
}

// meet gives the last node its slots and tells the first one of it.
func (c *ClusterSet) meet(bus int) {
	c.t.Helper()
	i := len(c.Nodes) - 1
	r := c.Nodes[i]
	first, next := i*slots/clusterNodes, (i+1)*slots/clusterNodes
	r.Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(next-1))
	r.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	if i > 0 {
		c.Nodes[0].Do("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(r.port), strconv.Itoa(bus))
	}
}

func (c *ClusterSet) waitServed() {
	c.t.Helper()
	eventually(c.t, "every node serves and knows the others", func() bool {
		for _, r := range c.Nodes {
			info := r.Do("CLUSTER", "INFO")
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_slots_ok:16384") ||
				!strings.Contains(info, fmt.Sprint("cluster_known_nodes:", clusterNodes)) {
				return false
			}
		}
		return true
	})
}

// KillNode ends a node without notice, as a crash does.
func (c *ClusterSet) KillNode(i int) {
	c.t.Helper()
	c.Nodes[i].Kill()
}

// StartNode starts a killed node again, empty, and returns once all slots are served.
func (c *ClusterSet) StartNode(i int) {
	c.t.Helper()
	c.Nodes[i].Start()
	c.waitServed()
}

// TakeOver gives the slots of a killed node to the next one, as if that were its
// replica.
func (c *ClusterSet) TakeOver(i int) {
	c.t.Helper()
	first, last := strconv.Itoa(i*slots/clusterNodes), strconv.Itoa((i+1)*slots/clusterNodes-1)
	for n, r := range c.Nodes {
		if n != i {
			r.Do("CLUSTER", "DELSLOTSRANGE", first, last)
		}
	}
	next := c.Nodes[(i+1)%clusterNodes]
	next.Do("CLUSTER", "ADDSLOTSRANGE", first, last)
	next.Do("CLUSTER", "BUMPEPOCH")
}

// NodeOf returns the number of the node that has key's slot.
func (c *ClusterSet) NodeOf(key string) int {
	c.t.Helper()
	slot, err := strconv.Atoi(c.Nodes[0].Do("CLUSTER", "KEYSLOT", key))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := range clusterNodes {
		if slot < (i+1)*slots/clusterNodes {
			return i
		}
	}
	return -1
}
