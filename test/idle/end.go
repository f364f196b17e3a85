package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// ending is what happened when everybody was signed out by the operator, counted from
// before the command was started.
type ending struct {
	p99, last time.Duration // until a browser had its Close frame and the end
	asked     int           // requests that were answered meanwhile, while all was open
	slowest   time.Duration // of these
}

func (e ending) String() string {
	return fmt.Sprintf("p99 %v, last %v; requests before: %d, the slowest %v",
		e.p99.Round(time.Millisecond), e.last.Round(time.Millisecond), e.asked, e.slowest.Round(time.Millisecond))
}

// closeFrame is what a browser hears whose session was ended (RFC 6455 5.5.1).
const closeFrame = "\x88\x0f\x03\xf0session ended"

// revokeAll ends all sessions with the program's own command, and waits until every
// socket has heard of it.
func (g *gate) revokeAll() (e ending, err error) {
	took, failed := make([]time.Duration, len(g.socks)), make(chan error, len(g.socks))
	var all sync.WaitGroup
	var begin time.Time
	ready := make(chan struct{})
	for i, c := range g.socks {
		all.Go(func() {
			<-ready
			_ = c.SetDeadline(begin.Add(time.Minute))
			if got, err := io.ReadAll(io.LimitReader(c, 64)); err != nil || string(got) != closeFrame {
				failed <- fmt.Errorf("a browser heard %q, %w", got, err)
			}
			took[i] = time.Since(begin)
		})
	}
	begin = time.Now()
	close(ready)
	cmd := exec.Command(g.cmd.Path, "sessions", "revoke", "--all")
	cmd.Env = []string{"SIDEGATE_ADMIN_LISTEN=" + g.admin}
	if out, err := cmd.CombinedOutput(); err != nil {
		return e, fmt.Errorf("sessions revoke --all: %w\n%s", err, out)
	}
	all.Wait()
	close(failed)
	if err := <-failed; err != nil {
		return e, err
	}
	slices.Sort(took)
	e.p99, e.last = took[len(took)*99/100], took[len(took)-1]
	return e, nil
}

// askUntil asks who is signed in, over and over, and reports of it when stop is closed.
func (g *gate) askUntil(stop <-chan struct{}) (n int, slowest time.Duration, err error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: (&net.Dialer{}).DialContext}}
	defer client.CloseIdleConnections()
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		select {
		case <-stop:
			return n, slowest, nil
		case <-tick.C:
		}
		begin := time.Now()
		req, err := http.NewRequest(http.MethodGet, "http://"+g.addr+"/_gate/userinfo", nil)
		if err != nil {
			return n, slowest, err
		}
		req.Header.Set("Cookie", g.cookies[0])
		res, err := client.Do(req)
		if err != nil {
			return n, slowest, err
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusOK || !strings.Contains(string(body), "alice@") {
			return n, slowest, errors.Join(fmt.Errorf("a request was answered %s", res.Status), err)
		}
		n, slowest = n+1, max(slowest, time.Since(begin))
	}
}
