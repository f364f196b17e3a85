package redisstore_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"sidegate/session/redisstore"
	"sidegate/session/sessiontest"
)

func TestABadURLIsRefusedInOneSentence(t *testing.T) {
	for _, c := range []struct{ url, because string }{
		{"", "must begin with redis://"},
		{"localhost:6379", "must begin with redis://"},
		{"http://:hunter2@localhost", "must begin with redis://"},
		{"unix://:hunter2@/run/redis.sock", "must begin with redis://"},
		{"redis+tls://:hunter2@localhost", "must begin with redis://"},
		{"redis+sentinel+tls://:hunter2@localhost", "must begin with redis://"},
		{":hunter2@redis://localhost", "must begin with redis://"},
		{"redis://", "HOST"},
		{"redis://:hunter2@", "HOST"},
		{"redis://:hunter2@:6379", "HOST"},
		{"redis://:hunter2@localhost:port", "HOST"},
		{"redis://:hunter2@localhost/zero", "NUMBER"},
		{"redis://:hunter2@localhost/-1", "NUMBER"},
		{"redis://:hunter2@localhost/0/1", "NUMBER"},
		{"redis://hunter2@localhost", "no password"},
		// Passwords that are not percent-encoded.
		{"redis://:hun/ter2@localhost", "percent-encoded"},
		{"redis://user:12/hunter2@localhost", "percent-encoded"},
		{"redis://:hun%ter2@localhost", "percent-encoded"},
		{"redis://:hun ter2\n@localhost", "percent-encoded"},
		{"redis://:hun#ter2@localhost", "fragment"},
		{"redis://:hun?ter2@localhost", "query"},
		{"redis://user:12#hunter2@localhost", "fragment"},
	} {
		s, err := redisstore.Open(c.url)
		if err == nil {
			s.Close()
			t.Errorf("Open(%q): no error, want one with %q", c.url, c.because)
			continue
		}
		got := err.Error()
		if !strings.Contains(got, c.because) || strings.Contains(got, "\n") {
			t.Errorf("Open(%q) = %q, want one sentence with %q", c.url, got, c.because)
		}
		if strings.Contains(got, "hun") || strings.Contains(got, "ter2") {
			t.Errorf("Open(%q) = %q: shows a piece of the password", c.url, got)
		}
	}
}

// skip_verify=true would give every session to whoever is between us and Redis,
// and the timeouts are ours to choose.
func TestTheURLCannotChangeSettings(t *testing.T) {
	for _, query := range []string{"skip_verify=true", "read_timeout=1h", "max_retries=9", "db=1", ""} {
		if s, err := redisstore.Open("rediss://localhost/0?" + query); err == nil {
			s.Close()
			t.Errorf("a URL with ?%s is taken", query)
		}
	}
}

func TestGoodURLsAreTaken(t *testing.T) {
	for _, url := range []string{
		"redis://localhost", "redis://localhost/", "redis://localhost:6379/15", "redis://[::1]:6379/0",
		"redis://:p%23%2F%3F%25@localhost", "redis://user:p%40@localhost:1/2", "rediss://:p@redis.example:6380",
		"redis+sentinel://a/m", "redis+sentinel://u:p%2C@a:1,[::1]:2,c/m/3", "rediss+sentinel://a,b/m/",
		"redis+sentinel://:p@a/m?sentinel_password=p%26", "redis+sentinel://:p@a/m?sentinel_user=u&sentinel_password=p",
		"redis+cluster://a", "redis+cluster://:p@a,b:1,[::1]/", "rediss+cluster://u:p@a/0",
	} {
		s, err := redisstore.Open(url)
		if err != nil {
			t.Errorf("Open(%s) = %v", url, err)
			continue
		}
		s.Close()
	}
}

func TestThePasswordOfTheURLIsUsedAndNeverShown(t *testing.T) {
	const password = "hun/ter2#%&@:?"
	r := sessiontest.Redis(t, "--requirepass", password)
	host := r.URL[strings.LastIndex(r.URL, "@")+1:]

	right := open(t, "redis://"+url.UserPassword("", password).String()+"@"+host)
	wantWorking(t, right)
	r.Kill()
	wantNoSecret(t, right, password)
	r.Start()

	wrong := openPatient(t, "redis://:hunter3@"+host)
	wantNoSecret(t, wrong, "hunter3")
	wantNoSecret(t, openPatient(t, "redis://hunter:hunter3@"+host), "hunter3")
	wantNoSecret(t, openPatient(t, "redis://"+host), password)
}

// Redis before version 6, and proxies, refuse our greeting by quoting it, the
// password included.
func TestAServerThatQuotesThePasswordIsNotQuoted(t *testing.T) {
	addr := serve(t, func(conn net.Conn) {
		var words []string
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			words = append(words, lines.Text())
			if lines.Text() == "hunter2" {
				fmt.Fprintf(conn, "-ERR unknown command, with args beginning with: %s\r\n", strings.Join(words, " "))
			}
		}
	})
	wantNoSecret(t, openPatient(t, "redis://:hunter2@"+addr), "hunter2")
}

func wantNoSecret(t *testing.T, s *redisstore.Store, secret string) {
	t.Helper()
	_, getErr := s.Get(t.Context(), "a")
	for method, err := range map[string]error{"Get": getErr, "Put": s.Put(t.Context(), "a", nil, time.Minute)} {
		if err == nil {
			t.Errorf("%s: no error", method)
		} else if strings.Contains(err.Error(), secret) || strings.Contains(fmt.Sprintf("%#v", err), secret) {
			t.Errorf("%s = %q: shows the password", method, err)
		}
	}
}

// serve runs a server on the loopback interface until the test ends.
func serve(t *testing.T, handle func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// answerAll is a server that has one answer to every command but the greeting.
func answerAll(answer string) func(net.Conn) {
	return commands(func(words []string) string {
		if strings.EqualFold(words[0], "hello") {
			return "*0\r\n"
		}
		return answer
	})
}

// commands is a server with an answer to each command; none ends the connection.
func commands(answer func(words []string) string) func(net.Conn) {
	return func(conn net.Conn) {
		for in := bufio.NewReader(conn); ; {
			var count, length int
			if _, err := fmt.Fscanf(in, "*%d\r\n", &count); err != nil {
				return
			}
			words := make([]string, count)
			for i := range words {
				if _, err := fmt.Fscanf(in, "$%d\r\n", &length); err != nil {
					return
				}
				word := make([]byte, length+len("\r\n"))
				if _, err := io.ReadFull(in, word); err != nil {
					return
				}
				words[i] = string(word[:length])
			}
			reply := answer(words)
			if reply == "" {
				return
			}
			io.WriteString(conn, reply)
		}
	}
}
