package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	builtin "sidegate/demo"
	"sidegate/test/parts"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

// newcomer is somebody who types what the README says, line by line, and nothing else. Who
// counts along sees how much that is.
type newcomer struct {
	*dialogue
	home                      string
	commands, answers, clicks int
}

const prompt = "newcomer> "

// newNewcomer sits down at a shell in a fresh checkout, with an empty home. The caches of
// go are kept: how long they take to fill is no part of this.
func newNewcomer(t *testing.T, env ...string) *newcomer {
	t.Helper()
	home := t.TempDir()
	caches, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE").Output()
	dirs := strings.Fields(string(caches))
	if err != nil || len(dirs) != 2 {
		t.Fatalf("go env: %v, %s", err, caches)
	}
	env = append(env, "SIDEGATE_DRAIN=1s", "HOME="+home, "SHELL=/bin/sh", "TERM=dumb", "PS1="+prompt, "LANG=C.UTF-8",
		"GOCACHE="+dirs[0], "GOMODCACHE="+dirs[1], "GOFLAGS=-buildvcs=false")
	n := &newcomer{dialogue: onTerminal(t, stage.Checkout(t), env, "sh -i"), home: home}
	t.Cleanup(func() { // what was started ends with the shell, and before its port is given to others
		io.WriteString(n.typed, "\x03\rexit\r")
		select {
		case <-n.ended:
		case <-time.After(30 * time.Second):
		}
	})
	return n
}

// types types a line of the README at the prompt.
func (n *newcomer) types(line string) {
	n.t.Helper()
	n.answer(prompt, line+"\r")
	n.commands++
}

func (n *newcomer) answersTo(question, say string) {
	n.t.Helper()
	n.answer(question, say+"\r")
	n.answers++
}

// does is a click, or what else a hand does in a browser.
func (n *newcomer) does(what func()) {
	n.t.Helper()
	what()
	n.clicks++
}

// readmeBlock returns the lines of the first block for a shell in a section of the
// README, less their comments, and what the section says of the effort.
func readmeBlock(t *testing.T, section string) (lines []string, effort string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(stage.Checkout(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "\n## "+section+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	block := regexp.MustCompile("(?s)```sh\n(.*?)\n```").FindStringSubmatch(text)
	effort = regexp.MustCompile(`\*\*(.*?)\*\*: `).FindString(text)
	if block == nil || effort == "" {
		t.Fatalf("the README's section %q has no commands, or does not say what they cost", section)
	}
	for line := range strings.SplitSeq(block[1], "\n") {
		line, _, _ = strings.Cut(line, " #")
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines, strings.Trim(effort, "*: ")
}

// costs compares what was counted with what the README says.
func (n *newcomer) costs(effort string) {
	n.t.Helper()
	var counted []string
	for _, c := range []struct {
		n    int
		what string
	}{{n.commands, "command"}, {n.answers, "answer"}, {n.clicks, "click"}} {
		switch {
		case c.n == 1:
			counted = append(counted, "1 "+c.what)
		case c.n > 1:
			counted = append(counted, fmt.Sprintf("%d %ss", c.n, c.what))
		}
	}
	if got := strings.Join(counted, ", "); got != effort {
		n.t.Errorf("it took %s, and the README says %s", got, effort)
	}
}

// REQ-01: from a checkout to the sample dashboard, by what the README says and no more.
func TestANewcomerTriesTheDemo(t *testing.T) {
	t.Parallel()
	lines, effort := readmeBlock(t, "Try it")
	b := stage.NewBrowser(t)
	port := rig.FreePort(t)
	n := newNewcomer(t, "SIDEGATE_LISTEN="+rig.Loopback(port), "SIDEGATE_ADMIN_LISTEN="+rig.Loopback(rig.FreePort(t)))
	for _, line := range lines {
		n.types(line)
	}
	url := "http://localhost:" + strconv.Itoa(port)
	n.answer("Open      "+url, "")
	p := b.Profile(t)
	rig.Eventually(t, func() string { return "nobody answers at " + url }, func() bool { return answers(url) })
	n.does(func() { p.Open(url) })
	p.WaitText("main", "Who do you want to be?")
	n.does(func() { p.SignIn("alice@example.com") })
	p.WaitText("main", "Signed in as alice@example.com")
	p.WaitText("#state", "live")
	p.Shoot("newcomer-demo")
	if said := n.out.String(); strings.Contains(said, "SIDEGATE_") || strings.Contains(said, "WARN") {
		t.Error("the demo, which needs no settings, speaks of them")
	}
	n.costs(effort)
}

func answers(url string) bool {
	r, err := http.Get(url + "/_gate/healthz")
	if err == nil {
		r.Body.Close()
	}
	return err == nil
}

// googleStandIn is a provider whose client's file lies in the newcomer's Downloads, as one
// of Google's would.
func googleStandIn(t *testing.T, home, callback string, l net.Listener) {
	t.Helper()
	issuer := "http://" + l.Addr().String()
	provider, err := builtin.NewProvider(issuer, callback, stage.ClientSecret)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: provider}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	file := fmt.Sprintf(`{"web":{"client_id":%q,"client_secret":%q,"redirect_uris":[%q]}}`, builtin.ClientID, stage.ClientSecret, callback)
	downloads := filepath.Join(home, "Downloads")
	if err := os.Mkdir(downloads, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(downloads, "client_secret_1234.json"), []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
}

// REQ-02: from a client's file to an app of one's own behind sign-in, by what the README
// says and no more; SIDEGATE_ISSUER puts another provider in Google's place, and the ports
// are such as are free here.
func TestANewcomerSignsInWithAClientFile(t *testing.T) {
	t.Parallel()
	lines, effort := readmeBlock(t, "With real Google")
	streamlit := stage.Part(t, parts.Cache.Streamlit)
	b := stage.NewBrowser(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := rig.FreePort(t)
	url := "http://localhost:" + strconv.Itoa(port)
	n := newNewcomer(t, "SIDEGATE_ISSUER=http://"+l.Addr().String(), "SIDEGATE_LISTEN="+rig.Loopback(port),
		"SIDEGATE_ADMIN_LISTEN="+rig.Loopback(rig.FreePort(t)), "PATH="+filepath.Dir(streamlit)+":"+os.Getenv("PATH"))
	googleStandIn(t, n.home, url+"/_gate/callback", l)
	app := "import streamlit as st\nst.write('Hello', st.context.headers['X-User-Email'])\n"
	folder := filepath.Join(n.home, "my-app")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "app.py"), []byte(app), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		n.types(line)
		if !strings.HasSuffix(line, " setup") {
			continue
		}
		n.answersTo("Address [http://localhost:8080]:", url)
		n.answersTo("Number, or the path of another file [1]:", "")
		n.answersTo("Number [1]:", "2")
		n.answersTo("Addresses, with commas between:", "alice@example.com")
		n.answersTo("(Y/n)", "")
		n.answer("nothing wrong was found", "") // all that can be looked at before an app runs is well
		n.answer("Next, in this folder: ./sidegate run -- streamlit run app.py", "")
	}
	n.answer("Ready", "")
	p := b.Profile(t)
	n.does(func() { p.Open(url) })
	p.WaitText("h1", "Who do you want to be?")
	n.does(func() { p.SignIn("alice@example.com") })
	p.WaitText("body", "Hello alice@example.com")
	p.Shoot("newcomer-app")
	n.costs(effort)
	if strings.Contains(n.out.String(), stage.ClientSecret) {
		t.Error("the client's secret is on the screen")
	}
}
