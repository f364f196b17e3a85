package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"sidegate/session"
	"sidegate/session/redisstore"
	"sidegate/session/sessiontest"
)

// SEC-ISO-04: on a bad network an answer may come late, in pieces, or not at all, but
// never to another caller: it would be another person's session. (CVE-2025-29923 was
// that, after a greeting that timed out.)
func TestABadNetworkNeverMixesAnswers(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	const keys = 1000
	for i := range keys {
		r.Do("SET", fmt.Sprint("sidegate:", i), fmt.Sprint("value ", i))
	}
	for _, network := range []struct{ name, toxics string }{
		{"jitter", `{"type":"latency","attributes":{"latency":275,"jitter":225}}`},
		{"jitter of the requests", `{"type":"latency","stream":"upstream","attributes":{"latency":275,"jitter":225}}`},
		{"resets and ends amid an answer", `{"type":"latency","attributes":{"latency":20,"jitter":19}}
			{"type":"limit_data","attributes":{"bytes":400}}
			{"type":"reset_peer","toxicity":0.3,"attributes":{"timeout":0}}`},
		{"pieces and silence", `{"type":"slicer","attributes":{"average_size":4,"size_variation":3,"delay":3000}}
			{"type":"limit_data","attributes":{"bytes":1000}}
			{"type":"timeout","toxicity":0.3,"attributes":{"timeout":0}}`},
	} {
		t.Run(network.name, func(t *testing.T) {
			t.Parallel()
			addr := badNetwork(t, r.Addr(), network.toxics)
			var m mixups
			var workers sync.WaitGroup
			ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
			defer stop()
			go func() { // as long as it takes on a busy machine to have seen something
				for end := time.Now().Add(4 * time.Second); ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
					if time.Now().After(end) && m.right.Load() >= 3 && m.failed.Load() >= 3 {
						stop()
					}
				}
			}()
			// Several, since the breaker is in the way here; some wait longer than others.
			for _, s := range []*redisstore.Store{
				open(t, "redis://"+addr), open(t, "redis://"+addr), openPatient(t, "redis://"+addr), openPatient(t, "redis://"+addr),
			} {
				for range 8 {
					workers.Go(func() { m.read(ctx, s, keys) })
				}
			}
			workers.Wait()
			t.Logf("SEC-ISO-04: %s: %d answers, %d failures, %d of another key", network.name, m.right.Load(), m.failed.Load(), m.wrong.Load())
			if m.wrong.Load() > 0 {
				t.Errorf("%d answers are another key's, or absence", m.wrong.Load())
			}
			if m.right.Load() < 3 || m.failed.Load() < 3 {
				t.Errorf("%d answers and %d failures prove nothing", m.right.Load(), m.failed.Load())
			}
		})
	}
}

// mixups counts answers.
type mixups struct{ right, failed, wrong atomic.Int32 }

func (m *mixups) read(ctx context.Context, s *redisstore.Store, keys int) {
	for ctx.Err() == nil {
		i := rand.IntN(keys)
		// Some callers have less time than the answer needs.
		call, cancel := context.WithTimeout(context.Background(), time.Duration(50+rand.IntN(1000))*time.Millisecond)
		got, err := s.Get(call, fmt.Sprint(i))
		cancel()
		switch {
		case errors.Is(err, redisstore.ErrOpen):
			time.Sleep(5 * time.Millisecond)
		case errors.Is(err, session.ErrNone), err == nil && string(got) != fmt.Sprint("value ", i):
			m.wrong.Add(1)
		case err != nil:
			m.failed.Add(1)
		default:
			m.right.Add(1)
		}
	}
}

// badNetwork is the address of a way to a server with troubles, of JSON on a line each.
func badNetwork(t *testing.T, to, troubles string) string {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "redis", "127.0.0.1:0", to)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	for i, trouble := range strings.Split(troubles, "\n") {
		named := strings.Replace(trouble, "{", fmt.Sprintf(`{"name":"%d",`, i), 1)
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(named)); err != nil {
			t.Fatalf("toxiproxy: %s: %v", trouble, err)
		}
	}
	return proxy.Listen
}
