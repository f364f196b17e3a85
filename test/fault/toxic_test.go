package fault

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"sidegate/session/sessiontest"
)

// wire is the network between a replica and Redis, which a test can make bad.
type wire struct {
	t     testing.TB
	proxy *toxiproxy.Proxy
	redis *url.URL
}

// newWire leads to a Redis server.
func newWire(t testing.TB, redis *sessiontest.RedisServer) *wire {
	t.Helper()
	u, err := url.Parse(redis.URL)
	if err != nil {
		t.Fatal(err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	w := &wire{t: t, redis: u, proxy: toxiproxy.NewProxy(server, "redis", "127.0.0.1:0", u.Host)}
	w.plug()
	t.Cleanup(w.proxy.Stop)
	return w
}

// url is where to find the server through the wire.
func (w *wire) url() string {
	u := *w.redis
	u.Host = w.proxy.Listen
	return u.String()
}

func (w *wire) plug() {
	w.t.Helper()
	if err := w.proxy.Start(); err != nil {
		w.t.Fatal(err)
	}
}

// attributes are those of a toxic, see Toxiproxy's README.
type attributes = map[string]any

// poison adds a toxic to the answers of the given share of connections, and returns
// how to take it away.
func (w *wire) poison(kind string, share float32, a attributes) (mend func()) {
	w.t.Helper()
	toxic, err := json.Marshal(map[string]any{"name": kind, "type": kind, "stream": "downstream", "toxicity": share, "attributes": a})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.proxy.Toxics.AddToxicJson(strings.NewReader(string(toxic))); err != nil {
		w.t.Fatalf("toxic %s: %v", kind, err)
	}
	return func() {
		if err := w.proxy.Toxics.RemoveToxic(context.Background(), kind); err != nil {
			w.t.Errorf("toxic %s: %v", kind, err)
		}
	}
}
