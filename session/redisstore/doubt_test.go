package redisstore_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sidegate/session/redisstore"
	"sidegate/session/sessiontest"
)

// forgetful is a way to a server on which all connections can be forgotten, as
// firewalls do: nobody is told, and whoever speaks next is reset, or gets no answer.
type forgetful struct {
	addr string
	age  atomic.Int32
}

func startForgetful(t *testing.T, to string, silent bool) *forgetful {
	f := &forgetful{}
	f.addr = serve(t, func(conn net.Conn) {
		inside, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer inside.Close()
		go io.Copy(conn, inside)
		born := f.age.Load()
		pass(inside, conn, func() {
			if f.age.Load() == born {
				return
			}
			inside.Close()
			if !silent {
				conn.(*net.TCPConn).SetLinger(0)
				conn.Close()
			}
		})
		io.Copy(io.Discard, conn)
	})
	return f
}

// A second try must not meet the next connection that was forgotten.
func TestForgottenConnectionsCostNoCallThatCanBeRepeated(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	f := startForgetful(t, r.Addr(), false)
	s := openPatient(t, "redis://"+f.addr)
	fillPool(t, s)
	time.Sleep(1200 * time.Millisecond)
	f.age.Add(1)
	for i := range 50 {
		if err := s.Put(t.Context(), "a", nil, time.Minute); err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

// FLT-07: to find each dead connection by a call of its own would take seconds.
func TestConnectionsThatFellSilentAreGivenUpTogether(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	f := startForgetful(t, r.Addr(), true)
	s := open(t, "redis://"+f.addr)
	wantWorking(t, s)
	var took time.Duration
	for range 3 { // on a busy machine the best counts
		fillPool(t, s)
		f.age.Add(1)
		if took = untilSteady(t, s); took <= 2*time.Second {
			break
		}
	}
	t.Logf("steady %v after all connections fell silent", took)
	if took > 2*time.Second {
		t.Errorf("recovery took %v, want three calls and a probe", took)
	}
}

// FLT-07: go-redis's pool stops to dial after some refusals, and looks only once a
// second whether that has changed.
func TestManyRefusalsDoNotDelayTheReturn(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	s := open(t, r.URL)
	wantWorking(t, s)
	r.Kill()
	for range 100 {
		s.CloseBreakers()
		outage(t, s)
	}
	r.Start()
	s.CloseBreakers()
	if err := s.Put(t.Context(), "a", nil, time.Minute); err != nil {
		t.Errorf("the first call after the server's return: %v", err)
	}
}

// FLT-07, with TLS: that the other side has closed a connection is seen before it is
// used again. A claim cannot be repeated, and would fail.
func TestClosedConnectionsAreNotUsedAgainBehindTLSEither(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	certificates := httptest.NewTLSServer(nil)
	t.Cleanup(certificates.Close)
	var mu sync.Mutex
	var conns []net.Conn
	addr := serve(t, func(conn net.Conn) {
		mu.Lock()
		conns = append(conns, conn)
		mu.Unlock()
		secure := tls.Server(conn, &tls.Config{Certificates: certificates.TLS.Certificates})
		join(secure, r.Addr())
	})
	s := openPatient(t, "rediss://"+addr)
	for round := range 3 {
		fillPool(t, s)
		mu.Lock()
		for _, conn := range conns {
			conn.Close()
		}
		conns = nil
		mu.Unlock()
		time.Sleep(50 * time.Millisecond) // until that has arrived
		for i := range 20 {
			if ok, err := s.PutIfAbsent(t.Context(), fmt.Sprint("claim ", round, i), nil, time.Minute); !ok || err != nil {
				t.Fatalf("claim %d after the server closed all connections = %v, %v", i, ok, err)
			}
		}
	}
}

// Callers that have less time than a call are no excuse for a server that hangs.
func TestTheBreakerOpensThoughCallersGiveUpFirst(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	s := open(t, r.URL)
	wantWorking(t, s)
	r.Pause()
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		_, err := s.Get(ctx, "a")
		cancel()
		if errors.Is(err, redisstore.ErrOpen) {
			return
		}
	}
	t.Error("ten calls that waited 150 ms for nothing did not open the breaker")
}

// A sentinel that is cut off from the others goes on to name the old primary, and may
// be the first to answer.
func TestMostSentinelsDecide(t *testing.T) {
	t.Parallel()
	old, primary := sessiontest.Redis(t), sessiontest.Redis(t)
	says := func(r *sessiontest.RedisServer, after time.Duration) string {
		_, port, _ := net.SplitHostPort(r.Addr())
		answer := answerAll(fmt.Sprintf("*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n", len(port), port))
		return serve(t, func(conn net.Conn) {
			time.Sleep(after)
			answer(conn)
		})
	}
	url := "redis+sentinel://" + says(old, 0) + "," + says(primary, 30*time.Millisecond) + "," + says(primary, 30*time.Millisecond) + "/m"
	s := openPatient(t, url)
	for i := range 20 {
		if err := s.Put(t.Context(), "a", nil, time.Minute); err != nil {
			t.Fatalf("Put %d: %v", i, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got := old.Do("DBSIZE"); got != "0" {
		t.Errorf("the old primary has %s records, want none", got)
	}
}

// A cluster's client would send what was cut once more, by itself.
func TestNothingIsSentTwiceInAClusterEither(t *testing.T) {
	t.Parallel()
	var sent atomic.Int32
	var host, port string
	addr := serve(t, commands(func(words []string) string {
		switch words[0] {
		case "cluster":
			return fmt.Sprintf("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$%d\r\n%s\r\n:%s\r\n", len(host), host, port)
		case "SET":
			sent.Add(1)
			return "" // closes the connection
		}
		return "*0\r\n"
	}))
	host, port, _ = net.SplitHostPort(addr)
	ok, err := openPatient(t, "redis+cluster://"+addr).PutIfAbsent(t.Context(), "a", nil, time.Minute)
	if ok || err == nil || sent.Load() != 1 {
		t.Errorf("PutIfAbsent = %v, %v after %d commands; want a failure after 1", ok, err, sent.Load())
	}
}

// A node that is gone tells nobody who has its keys now.
func TestKeysThatAnotherNodeTookOverAreFound(t *testing.T) {
	t.Parallel()
	c := sessiontest.Cluster(t)
	s := open(t, c.URL)
	key := "a"
	if err := s.Put(t.Context(), key, nil, time.Minute); err != nil {
		t.Fatal(err)
	}
	gone := c.NodeOf("sidegate:" + key)
	c.KillNode(gone)
	c.TakeOver(gone)
	start := time.Now()
	for s.Put(t.Context(), key, nil, time.Minute) != nil {
		if time.Since(start) > 10*time.Second {
			t.Fatal("the keys' new node is never found")
		}
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(start)
	t.Logf("keys writable %v after another node took them over", took)
	if took > 2*time.Second {
		t.Errorf("the keys' new node is found after %v, want at most 2 s", took)
	}
}

func TestGroupsAreNoRecords(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t)
	s := openPatient(t, r.URL)
	if err := errors.Join(s.Put(t.Context(), "a", nil, time.Minute), s.Join(t.Context(), "a", "a", time.Minute)); err != nil {
		t.Fatal(err)
	}
	var visited []string
	err := s.Each(t.Context(), "", func(key string, _ []byte) error { visited = append(visited, key); return nil })
	if err != nil || fmt.Sprint(visited) != "[a]" {
		t.Errorf("Each = %q, %v; want the one record", visited, err)
	}
	if got := r.Do("PTTL", "sidegate:\x00group:a"); got == "-1" || got == "-2" {
		t.Errorf("PTTL of the group = %s, want a lifetime", got)
	}
}
