package upstream_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"sidegate/upstream"
)

// plainApp answers each read with 1 KiB and allocates nothing.
func plainApp(t testing.TB) *upstream.Client {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-cache\r\nEtag: \"x\"\r\nVary: Cookie\r\n" +
		"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 1024\r\n\r\n" + strings.Repeat("x", 1024))
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for in := make([]byte, 4096); ; {
					if _, err := c.Read(in); err != nil {
						return
					}
					c.Write(answer)
				}
			}()
		}
	}()
	client := &upstream.Client{Dial: func(ctx context.Context) (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }}
	t.Cleanup(client.CloseIdle)
	return client
}

func roundTrip(t testing.TB, client *upstream.Client, r *upstream.Request) {
	res, err := client.RoundTrip(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.(*upstream.Body).Pass(io.Discard); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

func usualRequest() *upstream.Request {
	r := get()
	for _, name := range []string{"Accept", "Accept-Encoding", "Accept-Language", "Cookie", "Referer", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "User-Agent"} {
		r.Header.Set(name, "some value of it")
	}
	r.Line = new(upstream.Line)
	return r
}

// A round trip allocates the answer, its text, its header and their values, and
// nothing for the request or the connection.
func TestARoundTripAllocatesOnlyItsAnswer(t *testing.T) {
	client, r := plainApp(t), usualRequest()
	got := testing.AllocsPerRun(500, func() { roundTrip(t, client, r) })
	t.Logf("%.0f allocations", got)
	if got > 6+raceAllocates {
		t.Errorf("a round trip with an answer of 1 KiB made %.0f allocations, want at most 6", got)
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	client, r := plainApp(b), usualRequest()
	b.ReportAllocs()
	for b.Loop() {
		roundTrip(b, client, r)
	}
}
