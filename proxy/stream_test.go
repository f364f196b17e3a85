package proxy_test

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// startHTTP starts a rig in front of an app made with net/http.
func startHTTP(t *testing.T, app http.HandlerFunc) *rig {
	t.Helper()
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	return start(t, setup{upstream: server.URL})
}

// zeros reads n zero bytes.
func zeros(n int64) io.Reader { return io.LimitReader(zero{}, n) }

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// large is what a video or a dataset may be, in bytes.
const large = 200 << 20

// peakHeap returns the most that the heap held while f ran, over what it held
// before.
func peakHeap(f func()) (peak uint64) {
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	for {
		runtime.ReadMemStats(&now)
		if now.HeapInuse > before.HeapInuse {
			peak = max(peak, now.HeapInuse-before.HeapInuse)
		}
		select {
		case <-done:
			return peak
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Uploads and downloads of any size pass through, with a bounded buffer.
func TestLargeBodiesAreStreamed(t *testing.T) {
	var received atomic.Int64
	g := startHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		received.Store(n)
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Length", fmt.Sprint(large))
			io.Copy(w, zeros(large))
		}
	})
	cookie := g.signIn(t, alice())
	const bound = 32 << 20
	for name, transfer := range map[string]func(){
		"upload": func() {
			c := g.dial(t)
			c.send(t, message("POST", "/", cookie, fmt.Sprintf("Content-Length: %d", large)))
			io.Copy(c, zeros(large))
			c.answer(t, "POST")
			if got := received.Load(); got != large {
				t.Errorf("%d bytes arrived, want %d", got, large)
			}
		},
		"download": func() {
			c := g.dial(t)
			c.send(t, message("GET", "/", cookie))
			res, err := http.ReadResponse(c.in, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if n, err := io.Copy(io.Discard, res.Body); n != large || err != nil {
				t.Errorf("%d bytes came, %v; want %d", n, err, large)
			}
		},
	} {
		if peak := peakHeap(transfer); peak > bound {
			t.Errorf("a %s of %d MB held %d MB of heap, want at most %d", name, large>>20, peak>>20, bound>>20)
		}
	}
}

// Ranges, validators and the like are between the browser and the app.
func TestRangesAndValidatorsPass(t *testing.T) {
	content := strings.Repeat("0123456789", 100)
	g := startHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"v1"`)
		http.ServeContent(w, r, "media.mp4", time.Unix(1_700_000_000, 0), strings.NewReader(content))
	})
	cookie := g.signIn(t, alice())
	res, body := g.ask(t, message("GET", "/media/1", cookie, "Range: bytes=10-19"))
	if res.StatusCode != http.StatusPartialContent || body != "0123456789" || res.Header.Get("Content-Range") != "bytes 10-19/1000" || res.Header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("a range was answered %s %q %v", res.Status, body, res.Header)
	}
	if res, body := g.ask(t, message("GET", "/", cookie, "Range: bytes=0-1,5-6")); res.StatusCode != http.StatusPartialContent || !strings.HasPrefix(res.Header.Get("Content-Type"), "multipart/byteranges") || !strings.Contains(body, "bytes 5-6/1000") {
		t.Errorf("two ranges were answered %s %q", res.Status, body)
	}
	if res, _ := g.ask(t, message("GET", "/", cookie, "Range: bytes=2000-")); res.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("a range past the end was answered %s, want 416", res.Status)
	}
	if res, body := g.ask(t, message("GET", "/", cookie, `If-None-Match: "v1"`)); res.StatusCode != http.StatusNotModified || body != "" || res.Header.Get("Etag") != `"v1"` {
		t.Errorf("an unchanged page was answered %s %q %v, want a bare 304", res.Status, body, res.Header)
	}
	if res, body := g.ask(t, message("HEAD", "/", cookie)); res.ContentLength != 1000 || body != "" {
		t.Errorf("HEAD was answered with length %d and %q, want 1000 and nothing", res.ContentLength, body)
	}
}

// Answers without a body have none, and the connection goes on.
func TestAnswersWithoutABody(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	c := g.dial(t)
	for _, answer := range []struct{ method, raw string }{
		{"GET", "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"}, {"GET", "HTTP/1.1 304 Not Modified\r\nEtag: \"x\"\r\nContent-Length: 100\r\n\r\n"},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"}, {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{"DELETE", "HTTP/1.1 204 No Content\r\n\r\n"}, {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{"GET", "HTTP/1.1 302 Found\r\nLocation: /x?y=%2F\r\nContent-Length: 0\r\n\r\n"}, {"GET", "HTTP/1.1 299 Odd\r\nContent-Length: 0\r\n\r\n"},
	} {
		g.app.says(answer.raw, true)
		c.send(t, message(answer.method, "/", cookie))
		res, body := c.answer(t, answer.method)
		if want := answer.raw[9:12]; fmt.Sprint(res.StatusCode) != want || body != "" {
			t.Errorf("%q came as %s %q", answer.raw, res.Status, body)
		}
	}
}

// The app's answer arrives as it was sent: bytes, encoding and headers.
func TestAnswersPassUnchanged(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	packed := "\x1f\x8b\x08\x00not really gzip"
	g.app.says(fmt.Sprintf("HTTP/1.1 418 Teapot\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\nServer: app\r\nX-Odd: a, b\r\nX-Odd: c\r\nVary: Cookie\r\n"+
		"Content-Security-Policy: default-src *\r\nAccess-Control-Allow-Origin: *\r\nWww-Authenticate: Basic\r\nX-Frame-Options: ALLOW\r\nCache-Control: max-age=9\r\nDate: x\r\n"+
		"Keep-Alive: timeout=5\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n%s", len(packed), packed), true)
	res, body := g.ask(t, message("GET", "/", cookie))
	want := http.Header{
		"Content-Encoding": {"gzip"}, "Content-Length": {fmt.Sprint(len(packed))}, "Server": {"app"}, "X-Odd": {"a, b", "c"}, "Vary": {"Cookie"}, "Date": {"x"},
		"Content-Security-Policy": {"default-src *"}, "Access-Control-Allow-Origin": {"*"}, "Www-Authenticate": {"Basic"}, "X-Frame-Options": {"ALLOW"}, "Cache-Control": {"max-age=9"},
	}
	if res.StatusCode != http.StatusTeapot || body != packed || fmt.Sprint(res.Header) != fmt.Sprint(want) {
		t.Errorf("the answer came as %s %q %v\nwant %v", res.Status, body, res.Header, want)
	}
	eventually(t, "the record", func() bool { return strings.Contains(g.log.String(), `"status":418`) })
	// Nor is anything added to the request: no encoding, no agent.
	for _, f := range g.app.only(t).fields {
		if f.name == "Accept-Encoding" || f.name == "User-Agent" || f.name == "Connection" || f.name == "Te" {
			t.Errorf("the app received %s: %s, which the browser did not send", f.name, f.value)
		}
	}
}

// Trailers of the app's arrive, announced or not.
func TestAnswerTrailersPass(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	for _, announced := range []string{"Trailer: X-Sum\r\n", ""} {
		g.app.says("HTTP/1.1 200 OK\r\n"+announced+"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 900\r\n\r\n", true)
		res, body := g.ask(t, message("GET", "/", cookie, "TE: trailers"))
		if body != "abc" || res.Trailer.Get("X-Sum") != "900" {
			t.Errorf("%q: came %q with trailers %v, want abc and X-Sum", announced, body, res.Trailer)
		}
	}
	if got := g.app.hits()[0].get("Te"); got != "trailers" {
		t.Errorf("the app received TE: %q, want trailers", got)
	}
}

// What the app has sent arrives at once, not when the answer ends.
func TestEventsArriveAtOnce(t *testing.T) {
	next := make(chan struct{})
	g := startHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
		} else {
			w.Header().Set("Content-Length", "27")
		}
		for n := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", n)
			w.(http.Flusher).Flush()
			select {
			case <-next: // the browser has it
			case <-time.After(patience):
				t.Error("the event did not arrive while the answer was open")
				return
			}
		}
	})
	for _, target := range []string{"/events", "/of-known-length"} {
		c := g.dial(t)
		c.send(t, message("GET", target, g.signIn(t, alice()), "Accept: text/event-stream"))
		res, err := http.ReadResponse(c.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(res.Body)
		for n := 0; lines.Scan(); {
			if line := lines.Text(); line != "" {
				if want := fmt.Sprintf("data: %d", n); line != want {
					t.Errorf("event %q, want %q", line, want)
				}
				n++
				next <- struct{}{}
			}
		}
	}
}

// Early Hints pass ahead of the answer, as often as they come.
func TestInterimAnswersPass(t *testing.T) {
	g := start(t, setup{})
	hint := "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
	g.app.says(hint+hint+"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true)
	c := g.dial(t)
	c.send(t, message("GET", "/", g.signIn(t, alice())))
	for range 2 {
		if res, _ := c.answer(t, "GET"); res.StatusCode != http.StatusEarlyHints || res.Header.Get("Link") != "</a.css>; rel=preload" {
			t.Errorf("got %s %v, want 103 with Link", res.Status, res.Header)
		}
	}
	if res, body := c.answer(t, "GET"); body != "ok" || res.Header.Get("Link") != "" {
		t.Errorf("got %s %q %v, want a plain 200", res.Status, body, res.Header)
	}
}

// SEC-SMUG-10: a body that waits for 100 Continue is sent when the app wants it,
// and not when it does not; the connection to the app stays sound.
func TestExpectContinue(t *testing.T) {
	g := startHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		sum := sha256.New()
		n, _ := io.Copy(sum, r.Body)
		fmt.Fprintf(w, "%s %d %x", r.URL.Path, n, sum.Sum(nil)[:4])
	})
	cookie := g.signIn(t, alice())
	body := strings.Repeat("b", 100_000)
	sum := sha256.Sum256([]byte(body))
	want := fmt.Sprintf("/yes %d %x", len(body), sum[:4])
	for range 3 {
		c := g.dial(t)
		c.send(t, message("POST", "/no", cookie, "Expect: 100-continue", fmt.Sprintf("Content-Length: %d", len(body))))
		if res, _ := c.answer(t, "POST"); res.StatusCode != http.StatusExpectationFailed {
			t.Errorf("an unwanted body was answered %s, want 417 and no 100 before it", res.Status)
		}
		c = g.dial(t)
		c.send(t, message("POST", "/yes", cookie, "Expect: 100-continue", fmt.Sprintf("Content-Length: %d", len(body))))
		if res, _ := c.answer(t, "POST"); res.StatusCode != http.StatusContinue {
			t.Fatalf("a wanted body was answered %s, want 100", res.Status)
		}
		c.send(t, body)
		res, got := c.answer(t, "POST")
		for res.StatusCode == http.StatusContinue { // ours, and the app's, which is passed on
			res, got = c.answer(t, "POST")
		}
		if got != want {
			t.Errorf("the app received %s, want %s", got, want)
		}
	}
}
