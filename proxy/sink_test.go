package proxy

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// pair returns the two ends of a TCP connection.
func pair(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); d.Close() })
	return c.(*net.TCPConn), d.(*net.TCPConn)
}

// A deadline of an earlier write, or of the handshake, is no deadline for what is
// said later: most sockets sleep longer than any.
func TestOldDeadlinesEndNoTunnel(t *testing.T) {
	from, to := pair(t)
	var s sink
	s.open(from)
	from.SetWriteDeadline(time.Now().Add(-time.Minute))
	for range 2 {
		if err := s.write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	// More than the kernel takes at once: the rest waits for the reader.
	long := bytes.Repeat([]byte("y"), 20<<20)
	written := make(chan error, 1)
	go func() { written <- s.write(long) }()
	time.Sleep(20 * time.Millisecond)
	got := make([]byte, 2+len(long))
	if _, err := io.ReadFull(to, got); err != nil || !bytes.Equal(got[2:], long) {
		t.Fatalf("a long message did not arrive: %v", err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
}

// A peer that is gone is an error, not a silence.
func TestWritingToAPeerThatIsGoneFails(t *testing.T) {
	from, to := pair(t)
	var s sink
	s.open(from)
	to.SetLinger(0)
	to.Close()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if s.write([]byte("x")) != nil {
			return
		}
	}
	t.Error("writing to nobody went well for 10 s")
}
