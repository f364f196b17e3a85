package sessiontest_test

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sidegate/session/sessiontest"
	"sidegate/test/need"
)

func TestARedisServerAnswersUnderItsURL(t *testing.T) {
	r := sessiontest.Redis(t)
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "redis" || u.Hostname() != "127.0.0.1" || u.Path != "/0" {
		t.Errorf("URL = %q, %v; want redis://127.0.0.1:PORT/0", r.URL, err)
	}
	if got := r.Do("CONFIG", "GET", "port"); got != "port\n"+u.Port() {
		t.Errorf("CONFIG GET port = %q, want the port of %s", got, r.URL)
	}
	for _, c := range []struct{ command, want string }{
		{"SET a value EX 100", "OK"}, {"GET a", "value"}, {"GET b", "(nil)"}, {"EXISTS a", "1"}, {"KEYS *", "a"},
	} {
		if got := r.Do(strings.Fields(c.command)...); got != c.want {
			t.Errorf("%s = %q, want %q", c.command, got, c.want)
		}
	}
}

func TestAKilledRedisServerStartsAgainEmptyOnItsPort(t *testing.T) {
	r := sessiontest.Redis(t)
	before := r.URL
	r.Do("SET", "a", "x")
	r.Kill()
	r.Start()
	if r.URL != before || r.Do("GET", "a") != "(nil)" {
		t.Errorf("after Kill and Start: URL %s, was %s; a = %q", r.URL, before, r.Do("GET", "a"))
	}
}

func TestAPausedRedisServerHangsAndKeepsItsRecords(t *testing.T) {
	r := sessiontest.Redis(t)
	r.Do("SET", "a", "x")
	r.Pause()
	r.Resume()
	if got := r.Do("GET", "a"); got != "x" {
		t.Errorf("GET after Resume = %q, want x", got)
	}
	r.Pause() // and one that is left so ends with the test
}

func TestARedisServerCanHaveAPassword(t *testing.T) {
	r := sessiontest.Redis(t, "--requirepass", "secret")
	if !strings.HasPrefix(r.URL, "redis://:secret@127.0.0.1:") {
		t.Errorf("URL = %q, want the password in it", r.URL)
	}
	if got := r.Do("PING"); got != "PONG" {
		t.Errorf("PING = %q", got)
	}
}

func TestTwoRedisServersDoNotMeet(t *testing.T) {
	a, b := sessiontest.Redis(t), sessiontest.Redis(t)
	a.Do("SET", "a", "x")
	if got := b.Do("GET", "a"); a.URL == b.URL || got != "(nil)" {
		t.Errorf("two servers share a record: %q", got)
	}
}

// A test run that is ended by its time limit or by a panic leaves no server behind.
func TestARedisServerEndsWithATestThatIsCutOff(t *testing.T) {
	const variable = "SESSIONTEST_CHILD"
	if os.Getenv(variable) != "" {
		r := sessiontest.Redis(t)
		fmt.Println("URL", r.URL)
		os.Exit(3) // no Cleanup
	}
	need.Program(t, "redis-server", "redis-server")
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), variable+"=1", "TMPDIR="+t.TempDir())
	out, _ := child.Output()
	_, rest, _ := strings.Cut(string(out), "URL redis://")
	addr, _, ok := strings.Cut(rest, "/0\n")
	if !ok {
		t.Fatalf("the child says %q", out)
	}
	for giveUp := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(giveUp) {
			t.Fatalf("a server still listens on %s", addr)
		}
	}
}
