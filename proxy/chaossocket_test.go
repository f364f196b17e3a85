package proxy_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// wire builds a binary frame; a mask of zeros is one.
func wire(payload string, masked bool) []byte {
	b, mask := []byte{0x82}, byte(0)
	if masked {
		mask = 0x80
	}
	if len(payload) < 126 {
		b = append(b, mask|byte(len(payload)))
	} else {
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(len(payload)))
	}
	if masked {
		b = append(b, 0, 0, 0, 0)
	}
	return append(b, payload...)
}

// readWire reads a frame of one of the kinds that wire and sidegate write.
func readWire(in *bufio.Reader) (op byte, payload string, err error) {
	var head [10]byte
	if _, err = io.ReadFull(in, head[:2]); err != nil {
		return 0, "", err
	}
	n := uint64(head[1] & 0x7f)
	odd := head[0] != 0x82 && head[0] != 0x88 || n == 126
	if n == 127 {
		if _, err = io.ReadFull(in, head[2:10]); err != nil {
			return 0, "", err
		}
		n = binary.BigEndian.Uint64(head[2:10])
	}
	if odd || n > 1<<20 {
		return 0, "", fmt.Errorf("%w: %x", errNoFrame, head)
	}
	if head[1]&0x80 != 0 {
		io.CopyN(io.Discard, in, 4)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(in, b)
	return head[0] & 0xf, string(b), err
}

var errNoFrame = fmt.Errorf("no frame of anybody's")

// chat is one end of a socket. It sends frames that say whose they are, and everything
// that comes has to say the same.
func chat(t *testing.T, c net.Conn, in *bufio.Reader, mark string, app bool) (heard int) {
	defer func() {
		if chance(3) {
			c.(*net.TCPConn).SetLinger(0)
		}
		c.Close()
	}()
	for {
		for chance(2) {
			payload := mark + " " + strings.Repeat("x", rand.IntN(200))
			if chance(30) {
				payload += strings.Repeat("y", rand.IntN(200_000))
			}
			if b := wire(payload, !app); chance(3) {
				n := rand.IntN(len(b))
				c.Write(b[:n])
				dawdle()
				c.Write(b[n:])
			} else if _, err := c.Write(b); err != nil {
				return heard
			}
		}
		if chance(40) {
			return heard
		}
		// Nobody has to say anything: who waits for too long says something, or leaves.
		c.SetReadDeadline(time.Now().Add(time.Duration(rand.IntN(30)) * time.Millisecond))
		if _, err := in.Peek(1); err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				if chance(100) {
					time.Sleep(600 * time.Millisecond) // whoever is awake goes to sleep
				}
				continue
			}
			return heard
		}
		c.SetReadDeadline(time.Now().Add(patience))
		op, got, err := readWire(in)
		if err != nil && strings.Contains(err.Error(), errNoFrame.Error()) {
			t.Errorf("%q heard %v", mark, err)
		}
		if err != nil || op == 0x8 {
			return heard
		}
		if heard++; !strings.HasPrefix(got, mark+" ") {
			t.Errorf("%q heard %.60q", mark, got)
		}
	}
}

// SEC-ISO-02, SEC-WS-05, FLT-28: however sockets fall asleep and wake, whoever closes or
// resets them, and whatever descriptor gets the number of another, each frame reaches its
// own other end; and nothing is left of them.
func TestChaosMixesNoSocketsUp(t *testing.T) {
	checkLeaks(t)
	var heard, sockets atomic.Int64
	g := start(t, setup{upstream: rawApp(t, func(c net.Conn, in *bufio.Reader) {
		c.SetDeadline(time.Time{})
		req, err := readRequest(in)
		if err != nil {
			return
		}
		mark := req.get("X-Mark")
		if !strings.HasPrefix(mark, req.get("X-User-Email")+" ") {
			t.Errorf("the socket of %q came as %q's", mark, req.get("X-User-Email"))
		}
		accept(c, req)
		heard.Add(int64(chat(t, c, in, mark, true)))
	})})
	until := time.Now().Add(chaosTime())
	const persons = 40
	var emails []string
	for i := range persons {
		emails = append(emails, emailOf(i))
	}
	g.admit(t, emails...)
	var all sync.WaitGroup
	for i := range persons {
		all.Go(func() {
			id := alice()
			id.Subject, id.Email = fmt.Sprint("1001", i), emailOf(i)
			for n := 0; time.Now().Before(until) && !t.Failed(); n++ {
				cookie := g.signIn(t, id)
				c, err := net.Dial("tcp", g.addr)
				if err != nil {
					t.Error(err)
					return
				}
				mark := fmt.Sprintf("%s %d", id.Email, n)
				io.WriteString(c, handshake(cookie, "X-Mark: "+mark))
				in := bufio.NewReader(c)
				c.SetReadDeadline(time.Now().Add(patience))
				if line, err := in.ReadString('\n'); !strings.Contains(line, " 101 ") {
					if line != "" && !strings.Contains(line, " 502 ") { // the app has reset it
						t.Errorf("a handshake was answered %q, %v", line, err)
					}
					c.Close()
					continue
				}
				skipHead(in)
				sockets.Add(1)
				if chance(3) {
					time.AfterFunc(time.Duration(rand.IntN(100))*time.Millisecond, func() { g.endSession(t, cookie) })
				}
				heard.Add(int64(chat(t, c, in, mark, false)))
			}
		})
	}
	all.Wait()
	eventually(t, "the end of all tunnels", func() bool { return g.live.Len() == 0 })
	t.Logf("%d sockets, %d frames heard", sockets.Load(), heard.Load())
	if heard.Load() < sockets.Load() {
		t.Error("too few frames came for the test to mean anything")
	}
}
