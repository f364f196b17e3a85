package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// smuggled is what an attacker puts behind a message of unclear length.
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: app.example\r\n\r\n"

// SEC-SMUG-02, SEC-SMUG-03, SEC-SMUG-08: a message whose length or fields can be
// read in two ways reaches nobody, and nothing behind it is read.
func TestAmbiguousFramingIsRefused(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	cookie := g.signIn(t, alice())
	for _, lines := range []string{
		"Content-Length: 3\r\nContent-Length: 4", "Content-Length: 3, 4", "Content-Length: -3", "Content-Length: +3", "Content-Length: 0x3", "Content-Length: 3a",
		"Content-Length: 99999999999999999999", "Content-Length: 1_0", "Content-Length : 3", "Content-Length:3 3",
		"Transfer-Encoding: xchunked", "Transfer-Encoding: identity", "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity, chunked",
		"Transfer-Encoding: ,chunked", "Transfer-Encoding: chunked,", "Transfer-Encoding: chun\x0bked", "Transfer-Encoding: \x0bchunked",
		"Transfer-Encoding: chunked\x00", "Transfer-Encoding : chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked",
		"Transfer-Encoding:\r\n xchunked", "B\x01d: x", "B\xe9d: x", ": x", "X: a\x00b", "X: a\rb",
	} {
		for _, target := range []string{"/", "/hook"} {
			c := g.dial(t)
			c.send(t, message("POST", target, cookie, lines)+"3\r\nabc\r\n0\r\n\r\n"+smuggled)
			if res, _ := c.answer(t, "POST"); res.StatusCode != 400 && res.StatusCode != 501 {
				t.Errorf("%q was answered %s, want 400 or 501", lines, res.Status)
			}
			c.wantClosed(t)
			c.Close()
		}
	}
	g.app.wantNoHits(t)
}

// SEC-SMUG-01: where both lengths are given, one of them counts, and the app gets
// that one alone.
func TestBothLengthsReachTheAppAsOne(t *testing.T) {
	g := start(t, setup{})
	for _, lengths := range []string{"Content-Length: 3\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 8", "Transfer-Encoding: chunked\r\nContent_Length: 8"} {
		before := len(g.app.hits())
		c := g.dial(t)
		c.send(t, message("POST", "/form", g.signIn(t, alice()), lengths)+"3\r\nabc\r\n0\r\n\r\n"+smuggled)
		c.answer(t, "POST")
		hits := g.app.hits()[before:]
		if len(hits) != 1 || hits[0].body != "3\r\nabc\r\n0\r\n\r\n" || hits[0].get("Transfer-Encoding") != "chunked" || hits[0].get("Content-Length") != "" {
			t.Errorf("%q reached the app as %v, want one chunked request", lengths, hits)
		}
		if res, _ := c.answer(t, "GET"); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("the request behind it, without a session, was answered %s, want 401", res.Status)
		}
	}
}

// SEC-SMUG-04: a chunk that not everybody reads alike ends the message.
func TestOddChunksAreRefused(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	for _, body := range []string{
		"3\nabc\n0\n\n", "3\r\nabc\n0\r\n\r\n", "0x3\r\nabc\r\n0\r\n\r\n", "+3\r\nabc\r\n0\r\n\r\n", "-3\r\nabc\r\n0\r\n\r\n", "3_0\r\nabc\r\n0\r\n\r\n",
		"ffffffffffffffffff\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3;" + strings.Repeat("x", 64<<10) + "\r\nabc\r\n0\r\n\r\n", "3\rabc\r\n0\r\n\r\n", "\r\nabc\r\n0\r\n\r\n",
	} {
		c := g.dial(t)
		c.send(t, message("POST", "/form", cookie, "Transfer-Encoding: chunked"))
		io.WriteString(c, body+smuggled)
		if res, err := http.ReadResponse(c.in, nil); err == nil && res.StatusCode < 400 {
			t.Errorf("%.60q was answered %s", body, res.Status)
		}
		io.Copy(io.Discard, c.in)
		c.Close()
	}
	for _, hit := range g.app.hits() {
		if strings.HasSuffix(hit.body, "0\r\n\r\n") || hit.target() == "/smuggled" {
			t.Errorf("%q with %.100q reached the app as a whole request", hit.line, hit.body)
		}
	}
}

// SEC-SMUG-06, SEC-SMUG-07: every request on a connection is read once, as itself,
// and with its own cookie alone.
func TestPipelinedRequestsStandForThemselves(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "DELETE", "POST"} {
		before := len(g.app.hits())
		c := g.dial(t)
		c.send(t, message(method, "/first", cookie, fmt.Sprintf("Content-Length: %d", len(smuggled)))+smuggled+
			message("GET", "/second")+message("GET", "/third", cookie))
		for i, want := range []int{200, 401, 200} {
			m := "GET"
			if i == 0 {
				m = method
			}
			if res, _ := c.answer(t, m); res.StatusCode != want {
				t.Errorf("%s: answer %d is %s, want %d", method, i+1, res.Status, want)
			}
		}
		hits := g.app.hits()[before:]
		if len(hits) != 2 || hits[0].body != smuggled || hits[1].target() != "/third" {
			t.Errorf("%s: the app received %v, want /first with its body, and /third", method, hits)
		}
	}
}

// SEC-SMUG-11: who is refused before the body was read does not have its bytes
// taken for a request; and a body that never comes holds the connection no longer
// than a moment.
func TestBodiesOfRefusedRequestsAreNoRequests(t *testing.T) {
	t.Parallel()
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	c := g.dial(t)
	c.send(t, message("POST", "/form", fmt.Sprintf("Content-Length: %d", len(smuggled)))+smuggled+message("GET", "/second", cookie))
	for i, want := range []int{401, 200} {
		if res, _ := c.answer(t, "GET"); res.StatusCode != want {
			t.Errorf("answer %d is %s, want %d", i+1, res.Status, want)
		}
	}
	if got := g.app.only(t); got.target() != "/second" {
		t.Errorf("the app received %s, want /second", got.line)
	}
	var waiting sync.WaitGroup
	for _, raw := range []string{
		message("POST", "/form", "Content-Length: 100") + "begun", message("POST", "/form", "Transfer-Encoding: chunked") + "5\r\nbegun",
		message("GET", "/", "Content-Length: 100", "Sec-Fetch-Mode: navigate"), message("POST", "/_gate/userinfo", cookie, "Content-Length: 5000000"),
		message("POST", "/..", "Content-Length: 100"), message("TRACE", "/", "Content-Length: 100"),
	} {
		c := g.dial(t)
		c.send(t, raw)
		waiting.Go(func() {
			begin := time.Now()
			res, err := http.ReadResponse(c.in, nil)
			if err != nil || res.StatusCode < 300 {
				t.Errorf("%.60q was answered %v, %v", raw, res, err)
				return
			}
			io.Copy(io.Discard, res.Body)
			c.wantClosed(t)
			if took := time.Since(begin); took > patience {
				t.Errorf("%.60q held its connection for %v", raw, took)
			}
		})
	}
	waiting.Wait()
}

// FLT-17: an app that goes away while a body is under way is reported as soon as
// the browser sends on.
func TestAppGoneDuringAnUpload(t *testing.T) {
	checkLeaks(t)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := http.NewResponseController(w).Hijack()
		conn.Close()
	}))
	t.Cleanup(app.Close)
	g := start(t, setup{upstream: app.URL})
	c := g.dial(t)
	c.send(t, message("POST", "/upload", g.signIn(t, alice()), "Content-Length: 100000000"))
	go io.Copy(c, zeros(100_000_000))
	if res, _ := c.answer(t, "POST"); res.StatusCode != http.StatusBadGateway {
		t.Errorf("answered %s, want 502", res.Status)
	}
	c.Close()
}

// SEC-SMUG-13: whatever an app sends beside its answer never gets into another.
func TestOddAnswersStayWithTheirRequest(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	extra := "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
	for _, odd := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\npoison", "HTTP/1.1 304 Not Modified\r\n\r\npoison", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	} {
		g.app.says(odd+extra, true)
		g.ask(t, message("GET", "/", cookie))
		g.app.answers(answerOK)
		for range 3 {
			if res, body := g.ask(t, message("GET", "/victim", cookie)); body != "ok" || res.StatusCode != http.StatusOK {
				t.Errorf("after %q another request was answered %s %q", odd, res.Status, body)
			}
		}
	}
	g.app.says(strings.Repeat("HTTP/1.1 102 Processing\r\nX: "+strings.Repeat("x", 1000)+"\r\n\r\n", 1000), true)
	res, err := http.ReadResponse(func() *client { c := g.dial(t); c.send(t, message("GET", "/", cookie)); return c }().in, nil)
	if err == nil && res.StatusCode == http.StatusOK {
		t.Error("a storm of interim answers ended in 200")
	}
}

// SEC-SMUG-13: nor when the connection to the app is lent on at once.
func TestOddAnswersStayWithTheirRequestUnderLoad(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	g.app.answers(func(c *appConn, r request) bool {
		if r.target() == "/victim" {
			return answerOK(c, r)
		}
		io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
		return true
	})
	var browsers sync.WaitGroup
	end := time.Now().Add(1500 * time.Millisecond)
	for i := range 16 {
		c := g.dial(t)
		target := []string{"/odd", "/victim"}[i%2]
		browsers.Go(func() {
			for time.Now().Before(end) {
				io.WriteString(c, message("GET", target, cookie))
				res, err := http.ReadResponse(c.in, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if body, _ := io.ReadAll(res.Body); string(body) == "poison" {
					t.Errorf("%s was answered with what was left of another answer", target)
				}
			}
		})
	}
	browsers.Wait()
}
