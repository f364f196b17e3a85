package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rawApp is an app that reads what it wants of a request, when it wants to.
func rawApp(t *testing.T, serve func(c net.Conn, in *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over, end := context.WithCancel(t.Context())
	t.Cleanup(func() { l.Close(); end() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			hangUp := context.AfterFunc(over, func() { c.Close() })
			go func() {
				defer hangUp()
				defer c.Close()
				c.SetDeadline(time.Now().Add(patience))
				serve(c, bufio.NewReader(c))
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// skipHead reads to the end of a request's head.
func skipHead(in *bufio.Reader) error {
	for {
		if line, err := readLine(in); line == "" || err != nil {
			return err
		}
	}
}

// An app may answer while it still reads: its head arrives at once, and the body of the
// request is the app's to the last byte. net/http would read from the same body, to find
// the next request behind it, and what it took the app would never see: half an upload
// would look whole.
func TestAnAppThatAnswersWhileItReadsGetsTheWholeBody(t *testing.T) {
	for _, chunked := range []bool{true, false} {
		got := make(chan string, 1)
		g := start(t, setup{upstream: rawApp(t, func(c net.Conn, in *bufio.Reader) {
			skipHead(in)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			body := ""
			if chunked {
				body, _ = readChunks(in)
			} else {
				b := make([]byte, 11)
				n, _ := io.ReadFull(in, b)
				body = string(b[:n])
			}
			got <- body
			io.WriteString(c, "4\r\ndone\r\n0\r\n\r\n")
		})})
		c := g.dial(t)
		length, one, two, three := "Content-Length: 11", "first", "second", ""
		if chunked {
			length, one, two, three = "Transfer-Encoding: chunked", "5\r\nfirst\r\n", "6\r\nsecond\r\n", "0\r\n\r\n"
		}
		c.send(t, message("POST", "/upload", g.signIn(t, alice()), length)+one)
		c.SetReadDeadline(time.Now().Add(patience))
		res, err := http.ReadResponse(c.in, nil)
		if err != nil {
			t.Fatalf("%s: the head waits for the upload: %v", length, err)
		}
		c.send(t, two)
		c.send(t, three)
		if body, err := io.ReadAll(res.Body); string(body) != "done" || err != nil {
			t.Errorf("%s: answered %q, %v", length, body, err)
		}
		if body := <-got; body != one+two+three {
			t.Errorf("%s: the app read %q", length, body)
		}
	}
}

// SEC-SMUG-11: where the answer is over before the upload, the rest of that is nobody's
// request, whenever it comes.
func TestTheRestOfAnUploadIsNoRequest(t *testing.T) {
	t.Parallel()
	for _, length := range []string{"Transfer-Encoding: chunked", "Content-Length: 1000", "Content-Length: 1000\r\nExpect: 100-continue"} {
		t.Run(length, func(t *testing.T) {
			t.Parallel()
			restIsNoRequest(t, length)
		})
	}
}

func restIsNoRequest(t *testing.T, length string) {
	end := make(chan bool)
	g := start(t, setup{paths: publicPaths(), upstream: rawApp(t, func(c net.Conn, in *bufio.Reader) {
		skipHead(in)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n")
		<-end
		io.WriteString(c, "0\r\n\r\n")
		skipHead(in)
	})})
	c := g.dial(t)
	c.send(t, message("POST", "/hook", length))
	if !strings.Contains(length, "Expect") {
		c.send(t, "5\r\nfirst\r\n")
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatalf("%s: %v", length, err)
	}
	begun := make([]byte, 5)
	if _, err := io.ReadFull(res.Body, begun); err != nil {
		t.Fatalf("%s: %v", length, err)
	}
	end <- true
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Errorf("%s: %v", length, err)
	}
	io.WriteString(c, smuggled+smuggled)
	c.SetReadDeadline(time.Now().Add(patience))
	if rest, _ := io.ReadAll(c.in); len(rest) > 0 {
		t.Errorf("%s: the rest was answered %q", length, rest)
	}
}

// net/http writes a 100 Continue of its own when a body is read that waits for one; no
// other answer ahead of the final one comes in its way.
func TestNoInterimAnswersAheadOfAContinue(t *testing.T) {
	hint := "HTTP/1.1 103 Early Hints\r\nLink: <%s>\r\n\r\n"
	g := start(t, setup{upstream: rawApp(t, func(c net.Conn, in *bufio.Reader) {
		skipHead(in)
		fmt.Fprintf(c, hint+"HTTP/1.1 100 Continue\r\n\r\n"+hint, "before", "after")
		io.ReadFull(in, make([]byte, 2))
		io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
	})})
	c := g.dial(t)
	c.send(t, message("POST", "/", g.signIn(t, alice()), "Content-Length: 2", "Expect: 100-continue"))
	for i, want := range []int{100, 103, 204} {
		res, err := http.ReadResponse(c.in, nil)
		for i > 0 && err == nil && res.StatusCode == 100 { // theirs and ours
			res, err = http.ReadResponse(c.in, nil)
		}
		if err != nil || res.StatusCode != want || want == 103 && res.Header.Get("Link") != "<after>" {
			t.Fatalf("answer %d is %v, %v, want %d", i, res, err, want)
		}
		if want == 100 {
			c.send(t, "ab")
		}
	}
}

// RFC 9110 15.2: HTTP/1.0 knows no answers ahead of the final one, and takes the first
// for it.
func TestNoInterimAnswersOverHTTP10(t *testing.T) {
	g := start(t, setup{})
	g.app.says("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true)
	c := g.dial(t)
	c.send(t, strings.Replace(message("GET", "/", g.signIn(t, alice())), "HTTP/1.1", "HTTP/1.0", 1))
	if res, body := c.answer(t, "GET"); res.StatusCode != 200 || body != "ok" {
		t.Errorf("answered %s %q, want 200 ok", res.Status, body)
	}
}
