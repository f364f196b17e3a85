package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// people are persons whose sessions lie close together: subjects and addresses
// differ in their last characters only.
type people struct {
	g       *rig
	cookies []string
}

func crowd(t *testing.T, g *rig, n int) *people {
	t.Helper()
	p := &people{g: g}
	var emails []string
	for i := range n {
		id := alice()
		id.Subject, id.Email = fmt.Sprint("1001", i), emailOf(i)
		emails = append(emails, id.Email)
		p.cookies = append(p.cookies, strings.TrimPrefix(g.signIn(t, id), "Cookie: "))
	}
	g.admit(t, emails...)
	return p
}

func emailOf(i int) string { return fmt.Sprintf("person%d@app.example", i) }

// mirror is an app that says who it was told is asking, a token of that request,
// and a long text made of both, so that any byte of another answer shows.
func mirror(t *testing.T) string {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		mark := r.Header.Get("X-User-Email") + " " + r.Header.Get("X-Mark")
		w.Header().Set("X-Mark", mark)
		if r.URL.Path == "/hints" {
			w.Header().Set("Link", "</"+r.Header.Get("X-Mark")+">; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
		}
		for range 1 + len(r.URL.RawQuery)*20 {
			io.WriteString(w, mark+"\n")
		}
	}))
	t.Cleanup(app.Close)
	return app.URL
}

// ask makes one request as person i and checks that the answer is theirs, to the
// last byte.
func (p *people) ask(client *http.Client, i int, path, mark string) error {
	r, err := http.NewRequest(http.MethodGet, "http://"+p.g.addr+path, nil)
	if err != nil {
		return err
	}
	r.Host = "app.example"
	r.Header.Set("Cookie", p.cookies[i])
	r.Header.Set("X-Mark", mark)
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	want := emailOf(i) + " " + mark
	if got := res.Header.Get("X-Mark"); res.StatusCode != http.StatusOK || got != want {
		return fmt.Errorf("%s: %s with the head of %q, want %q", path, res.Status, got, want)
	}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if lines.Text() != want {
			return fmt.Errorf("%s: a line of the body is %q, want %q", path, lines.Text(), want)
		}
	}
	return nil
}

func clients(t *testing.T) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// SEC-ISO-02: whoever asks, over whichever connection, gets what is theirs, with
// copies and shared reads of sessions in use and sessions ending meanwhile.
func TestEverybodyGetsTheirOwn(t *testing.T) {
	const persons, requests, workers = 1000, 20_000, 16
	g := start(t, setup{upstream: mirror(t)})
	p, client := crowd(t, g, persons), clients(t)
	var mixed, next atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for n := next.Add(1); n <= requests; n = next.Add(1) {
				i := rand.IntN(persons)
				if err := p.ask(client, i, "/?"+strings.Repeat("x", int(n%7)), fmt.Sprint("mark", n)); err != nil {
					mixed.Add(1)
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	t.Logf("SEC-ISO-02: %d of %d requests of %d people got another's answer", mixed.Load(), requests, persons)
}

// SEC-ISO-03, SEC-ISO-06: requests that break off, ask for 100-continue, early hints,
// CONNECT, upgrades, or hang up in the middle, share connections and buffers with
// others, who still get whole answers of their own.
func TestNobodysTroubleReachesAnother(t *testing.T) {
	g := start(t, setup{upstream: mirror(t)})
	p, client := crowd(t, g, 50), clients(t)
	stop := make(chan struct{})
	var attackers, victims sync.WaitGroup
	for a := range 6 {
		attackers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					p.misbehave(t, a+n, p.cookies[(a+n)%len(p.cookies)])
				}
			}
		})
	}
	for v := range 6 {
		victims.Go(func() {
			for n := range 700 {
				path := []string{"/", "/hints", "/?" + strings.Repeat("x", n%40)}[n%3]
				if err := p.ask(client, (v*7+n)%len(p.cookies), path, fmt.Sprint("victim", v, "-", n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	victims.Wait()
	close(stop)
	attackers.Wait()
}

// misbehave is one connection of somebody who has a session and no manners.
func (p *people) misbehave(t *testing.T, kind int, cookie string) {
	conn, err := net.Dial("tcp", p.g.addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(200 * time.Millisecond))
	head := "Host: app.example\r\nX-Mark: canary\r\nCookie: " + cookie + "\r\n"
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://app.example\r\n"
	switch kind % 8 {
	case 0: // an upload that is cut off
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\n%sContent-Length: 100000\r\n\r\n%s", head, strings.Repeat("canary ", 1000))
	case 1: // a chunk that is cut off
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\nfff\r\ncanary", head)
	case 2: // a continuation that never comes
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\n%sExpect: 100-continue\r\nContent-Length: 10\r\n\r\n", head)
		bufio.NewReader(conn).ReadString('\n')
	case 3: // an answer that is not read to its end
		fmt.Fprintf(conn, "GET /?%s HTTP/1.1\r\n%s\r\n", strings.Repeat("y", 2000), head)
		io.ReadFull(conn, make([]byte, 100))
	case 4: // a handshake that the app does not know, with more behind it
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\n%s%s\r\n\x82\x86canary", head, upgrade)
		io.Copy(io.Discard, conn)
	case 5: // CONNECT, with a request in what would be the tunnel
		fmt.Fprintf(conn, "CONNECT app.example:443 HTTP/1.1\r\n%s\r\nGET /smuggled HTTP/1.1\r\n%s\r\n", head, head)
		io.Copy(io.Discard, conn)
	case 6: // two requests at once, the second without a session
		fmt.Fprintf(conn, "GET /hints HTTP/1.1\r\n%s\r\nGET / HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n", head)
		answers, _ := io.ReadAll(conn)
		if n := strings.Count(string(answers), "HTTP/1.1 200 "); n > 1 {
			t.Errorf("the second request of a pipeline was answered as the first one's person:\n%.300s", answers)
		}
	case 7: // gone before the answer
		fmt.Fprintf(conn, "GET /hints HTTP/1.1\r\n%s\r\n", head)
	}
}

// SEC-ISO-02: a cookie that differs from a valid one in its last character is
// nobody's, also while that one is being looked up.
func TestANeighbourOfACookieIsNobodys(t *testing.T) {
	g := start(t, setup{upstream: mirror(t)})
	p := crowd(t, g, 20)
	var all sync.WaitGroup
	for i, cookie := range p.cookies {
		last := cookie[len(cookie)-1]
		// The last of 43 characters carries four bits, so only every fourth is one at all.
		for _, other := range []byte{'A', 'E', 'I', 'g', 'w'} {
			if other == last {
				continue
			}
			all.Go(func() {
				r, _ := http.NewRequest(http.MethodGet, "http://"+g.addr+"/", nil)
				r.Host = "app.example"
				r.Header.Set("Cookie", cookie[:len(cookie)-1]+string(other))
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				res.Body.Close()
				if res.StatusCode != http.StatusUnauthorized {
					t.Errorf("a neighbour of person %d's cookie: %s", i, res.Status)
				}
			})
		}
	}
	all.Wait()
}
