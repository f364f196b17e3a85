package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// newLoad is the query of a load, by which the app counts it.
func newLoad() string { return "?load=" + rand.Text() }

// connections is how many are kept open under load.
const connections = 64

// flat is what wrk saw.
type flat struct {
	requests int
	took     time.Duration
}

// wrk asks for the small page as often as the candidate answers. The cookies are used
// in turn.
func (s *site) wrk(ctx context.Context, url string, conns int, how time.Duration, header http.Header, cookies ...string) (f flat, err error) {
	path, err := program("wrk", "wrk")
	if err != nil {
		return f, err
	}
	args := []string{"-t1", "-c" + strconv.Itoa(conns), "--timeout", "10s",
		"-d" + strconv.Itoa(max(1, int(how.Round(time.Second)/time.Second))) + "s"} // whole seconds only
	for name, values := range header {
		args = append(args, "-H", name+": "+values[0])
	}
	if len(cookies) == 1 && cookies[0] != "" {
		args = append(args, "-H", "Cookie: "+cookies[0])
	}
	if len(cookies) > 1 {
		script, err := s.inTurn(cookies)
		if err != nil {
			return f, err
		}
		args = append(args, "-s", script)
	}
	query := newLoad()
	out, err := exec.CommandContext(ctx, path, append(args, url+pathSmall+query)...).CombinedOutput()
	if err != nil {
		return f, fmt.Errorf("wrk: %w: %s", err, out)
	}
	if f, err = parseWrk(string(out)); err != nil {
		return f, err
	}
	return f, s.wasAsked(ctx, query, f.requests, 2*conns)
}

var (
	wrkTotal  = regexp.MustCompile(`(\d+) requests in ([0-9.]+)(ms|s|m),`)
	wrkStatus = regexp.MustCompile(`(?m)^\s*Non-2xx or 3xx responses: .*$`)
	wrkSocket = regexp.MustCompile(`(?m)^\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)$`)
)

// parseWrk reads wrk's report. What it does not count as a fault, a redirect, the app's
// own count reveals. Of a thousand requests one may meet a connection that a server is
// just closing, as any may.
func parseWrk(out string) (f flat, err error) {
	m := wrkTotal.FindStringSubmatch(out)
	if m == nil {
		return f, fmt.Errorf("cannot read wrk's report: %s", out)
	}
	if f.requests, err = strconv.Atoi(m[1]); err != nil {
		return f, err
	}
	if fault := wrkStatus.FindString(out); fault != "" {
		return f, fmt.Errorf("under load: %s", fault)
	}
	broken := 0
	if m := wrkSocket.FindStringSubmatch(out); m != nil {
		for _, number := range m[1:] {
			n, _ := strconv.Atoi(number) // digits
			broken += n
		}
	}
	if broken*1000 > f.requests {
		return f, fmt.Errorf("under load: %s", wrkSocket.FindString(out))
	}
	f.took, err = time.ParseDuration(m[2] + m[3])
	return f, err
}

// inTurn writes a script for wrk that sends the cookies in turn.
func (s *site) inTurn(cookies []string) (string, error) {
	var b bytes.Buffer
	b.WriteString("local cookies, at = {\n")
	for _, c := range cookies {
		fmt.Fprintf(&b, "%q,\n", c)
	}
	b.WriteString(`}, 0
function request()
	at = at % #cookies + 1
	wrk.headers["Cookie"] = cookies[at]
	return wrk.format()
end
`)
	path := filepath.Join(s.dir, "in-turn.lua")
	return path, os.WriteFile(path, b.Bytes(), 0o600)
}

// pace is how many requests a second the paced load makes.
const pace = 1000

// paced is what people wait for, one by one.
type paced struct{ waits []time.Duration }

// paced asks for the small page at a fixed rate over kept connections, and looks at
// every answer. A wait counts from when the request was due, so that one slow answer
// that holds up the next ones counts for those too ("coordinated omission"); only that
// the timer itself rings late is not the candidate's fault.
func (s *site) paced(ctx context.Context, c *candidate, how time.Duration) (p paced, err error) {
	var (
		query  = newLoad()
		all    sync.WaitGroup
		mu     sync.Mutex
		fault  error
		begin  = time.Now().Add(50 * time.Millisecond)
		each   = int(how.Seconds()*pace) / connections
		asking = request(c, query)
	)
	for i := range connections {
		all.Go(func() {
			due := func(n int) time.Time { return begin.Add(time.Duration(n*connections+i) * time.Second / pace) }
			waits, err := pacedOne(c.addr(), asking, each, due)
			mu.Lock()
			defer mu.Unlock()
			p.waits = append(p.waits, waits...)
			if err != nil {
				fault = fmt.Errorf("%s, at %d requests a second: %w", c.name, pace, err)
			}
		})
	}
	all.Wait()
	if fault != nil {
		return p, fault
	}
	return p, s.wasAsked(ctx, query, len(p.waits), 0)
}

// pacedOne is one connection.
func pacedOne(addr string, asking []byte, n int, due func(int) time.Time) (waits []time.Duration, err error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	in, body := bufio.NewReader(conn), make([]byte, smallSize)
	want := content(smallSize)
	for i := range n {
		from := due(i)
		if early := time.Until(from); early > 0 {
			time.Sleep(early)
			from = time.Now()
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write(asking); err != nil {
			return waits, err
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return waits, err
		}
		if _, err := io.ReadFull(resp.Body, body); err != nil || resp.StatusCode != http.StatusOK || !bytes.Equal(body, want) {
			return waits, fmt.Errorf("not the app's answer: %s (%v)", resp.Status, err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return waits, err
		}
		waits = append(waits, time.Since(from))
	}
	return waits, nil
}

// request is the bytes of one for the small page.
func request(c *candidate, query string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\n", pathSmall+query, c.addr())
	header := browserHeader()
	if c.cookie != "" {
		header.Set("Cookie", c.cookie)
	}
	_ = header.Write(&b)
	b.WriteString("\r\n")
	return b.Bytes()
}
