package proxy_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// SEC-WS-08, SEC-WS-09: what is said on a tunnel is nobody's business: whatever the
// two ends say, WebSocket frames or not, however it is cut up and however it ends,
// each receives what it would receive over a connection of their own.
func TestTunnelsAreTransparent(t *testing.T) {
	checkLeaks(t)
	const talks, workers = 10_000, 8
	g := start(t, setup{})
	stage := &stage{cookie: g.signIn(t, alice()), noise: make([]byte, 200_000)}
	rand.NewChaCha8([32]byte{}).Read(stage.noise)
	g.app.answers(stage.playApp)
	var next, failed atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := next.Add(1); i <= talks && failed.Load() < 5; i = next.Add(1) {
				if err := stage.compare(uint64(i), g); err != nil {
					failed.Add(1)
					t.Errorf("conversation %d: %v", i, err)
				}
			}
		})
	}
	all.Wait()
	eventually(t, "the end of all tunnels", func() bool { return g.live.Len() == 0 })
}

// talk is what the two ends of one connection say, and how they part.
type talk struct {
	seed    uint64
	browser part
	app     part
	reset   bool // the first to leave does so without waiting for what is on its way
}

// part is one end's.
type part struct {
	says   []byte
	early  int // bytes of it that go with the handshake, or with its answer
	pieces func() int
	leaves bool // closes when all is said and heard; else says FIN when all is said

	heard []byte        // what it received, when it is over
	all   chan struct{} // closed when that is all
	err   error         // how it ended, if not with FIN
}

func newTalk(seed uint64, noise []byte) *talk {
	random := rand.New(rand.NewPCG(1, seed))
	c := &talk{seed: seed, browser: newPart(random, noise, true), app: newPart(random, noise, false)}
	switch random.IntN(6) {
	case 0:
		c.browser.leaves = true
	case 1:
		c.app.leaves = true
	case 2:
		c.browser.leaves, c.reset = true, true
	case 3:
		c.app.leaves, c.reset = true, true
	}
	return c
}

func newPart(random *rand.Rand, noise []byte, masked bool) part {
	p := part{says: conversation(random, noise, masked), all: make(chan struct{})}
	if random.IntN(4) == 0 {
		p.early = random.IntN(min(len(p.says), 6000) + 1)
	}
	cuts, most := rand.New(rand.NewPCG(2, random.Uint64())), 1+random.IntN(40_000)
	p.pieces = func() int { return 1 + cuts.IntN(most) }
	return p
}

// conversation makes up what one end says: frames of all sizes and kinds, control
// frames between fragments, reserved bits, words after Close, and sometimes garbage.
func conversation(random *rand.Rand, noise []byte, masked bool) (stream []byte) {
	small := []int{0, 1, 2, 125, 126, 127, random.IntN(500), random.IntN(5000), 2047, 2048, 2049, 4096}
	large := []int{32_767, 32_768, 32_769, 65_535, 65_536, 70_000, random.IntN(70_001)}
	for range random.IntN(8) {
		size := small[random.IntN(len(small))]
		if random.IntN(12) == 0 {
			size = large[random.IntN(len(large))]
		}
		payload := noise[random.IntN(len(noise)-size):][:size]
		switch random.IntN(8) {
		case 0: // fragments with a ping between
			stream = append(stream, frame(0x01, payload, masked)...)
			stream = append(stream, frame(0x89, []byte("ping"), masked)...)
			stream = append(stream, frame(0x80, payload, masked)...)
		case 1: // compressed, reserved bits and opcodes
			stream = append(stream, frame(byte(random.Uint32()), payload, masked)...)
		case 2: // Close, and words after it
			stream = append(stream, frame(0x88, []byte{3, 232}, masked)...)
		case 3: // no frames at all
			stream = append(stream, payload...)
		case 4: // a length of 2^63 and more
			stream = append(stream, 0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
		default:
			stream = append(stream, frame(0x82, payload, masked)...)
		}
	}
	return stream
}

// stage is where talks take place: the app finds its part by the target.
type stage struct {
	cookie string
	noise  []byte
	talks  sync.Map // by seed
}

// compare has the same talk twice, through the gate and without it.
func (s *stage) compare(seed uint64, g *rig) error {
	through, direct := newTalk(seed, s.noise), newTalk(seed, s.noise)
	if err := s.play(through, g.addr); err != nil {
		return fmt.Errorf("through the gate: %w", err)
	}
	if err := s.play(direct, g.app.addr); err != nil {
		return fmt.Errorf("directly: %w", err)
	}
	for _, ends := range []struct {
		who             string
		through, direct part
	}{{"browser", through.browser, direct.browser}, {"app", through.app, direct.app}} {
		if !bytes.Equal(ends.through.heard, ends.direct.heard) {
			return fmt.Errorf("the %s heard %d bytes (%v), and directly %d (%v)",
				ends.who, len(ends.through.heard), ends.through.err, len(ends.direct.heard), ends.direct.err)
		}
	}
	if len(direct.browser.heard) != len(direct.app.says) || len(direct.app.heard) != len(direct.browser.says) {
		return fmt.Errorf("directly %d of %d and %d of %d bytes were heard", len(direct.browser.heard), len(direct.app.says), len(direct.app.heard), len(direct.browser.says))
	}
	return nil
}

// play has a talk with whoever is at addr, and waits for both ends.
func (s *stage) play(c *talk, addr string) error {
	over := make(chan error, 1)
	s.talks.Store(c.seed, func(a *appConn, r request) { over <- c.playApp(a, r) })
	defer s.talks.Delete(c.seed)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * patience))
	hello := strings.Replace(handshake(s.cookie), "/_stcore/stream", "/?"+strconv.FormatUint(c.seed, 10), 1)
	if _, err := conn.Write(append([]byte(hello), c.browser.says[:c.browser.early]...)); err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	if err := skipAnswer(in); err != nil {
		return err
	}
	err = c.browser.play(conn.(*net.TCPConn), in, &c.app, c.reset)
	return errors.Join(err, <-over)
}

// skipAnswer reads the head of the answer to a handshake.
func skipAnswer(in *bufio.Reader) error {
	line, err := readLine(in)
	for first := line; err == nil && line != ""; line, err = readLine(in) {
		if !strings.HasPrefix(first, "HTTP/1.1 101 ") {
			return fmt.Errorf("the handshake was answered %q", first)
		}
	}
	return err
}

func (s *stage) playApp(c *appConn, r request) (keep bool) {
	_, seed, _ := strings.Cut(r.target(), "?")
	id, _ := strconv.ParseUint(seed, 10, 64)
	if play, ok := s.talks.Load(id); ok {
		play.(func(*appConn, request))(c, r)
	}
	return false
}

func (c *talk) playApp(conn *appConn, r request) error {
	conn.SetDeadline(time.Now().Add(2 * patience))
	var answer bytes.Buffer
	accept(&answer, r)
	if _, err := conn.Write(append(answer.Bytes(), c.app.says[:c.app.early]...)); err != nil {
		return err
	}
	return c.app.play(conn.Conn.(*net.TCPConn), conn.in, &c.browser, c.reset)
}

// play says and hears one end's part, over a connection of which the first bytes
// may be in a reader.
func (p *part) play(conn *net.TCPConn, in io.Reader, other *part, reset bool) error {
	said := make(chan error, 1)
	go func() { said <- p.say(conn) }()
	if p.leaves {
		p.heard = make([]byte, len(other.says))
		if _, err := io.ReadFull(in, p.heard); err != nil {
			return err
		}
		close(p.all)
		err := <-said
		if reset {
			<-other.all
			conn.SetLinger(0)
		}
		return errors.Join(err, conn.Close())
	}
	// Who is left learns from how much it heard that it is all.
	heard := &counted{Reader: in, left: len(other.says), all: p.all}
	got := bytes.NewBuffer(make([]byte, 0, len(other.says)+bytes.MinRead))
	_, p.err = got.ReadFrom(heard)
	p.heard = got.Bytes()
	if errors.Is(p.err, syscall.ECONNRESET) && other.leaves && reset {
		p.err = nil
	}
	return errors.Join(<-said, p.err)
}

// say sends what was not sent yet, in pieces.
func (p *part) say(conn *net.TCPConn) error {
	for rest := p.says[p.early:]; len(rest) > 0; {
		n := min(len(rest), p.pieces())
		if _, err := conn.Write(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	if !p.leaves {
		// Not an error: the other may have left by now.
		conn.CloseWrite()
	}
	return nil
}

// counted closes all when so many bytes were read.
type counted struct {
	io.Reader
	left int
	all  chan struct{}
}

func (c *counted) Read(b []byte) (int, error) {
	if c.left <= 0 && c.all != nil {
		close(c.all)
		c.all = nil
	}
	n, err := c.Reader.Read(b)
	c.left -= n
	return n, err
}
