package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// clientFile writes Google's file for a client that has this redirect URI.
func clientFile(t *testing.T, redirect string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client_secret_1.json")
	if err := os.WriteFile(path, []byte(`{"web":{"client_id":"id.apps.example","client_secret":"canary","redirect_uris":["`+redirect+`"]}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// What setup writes is what the other commands read, in the same folder and with no more
// said.
func TestWhatSetupWritesIsInForce(t *testing.T) {
	settings(t)
	t.Setenv("HOME", t.TempDir())
	t.Chdir(t.TempDir())
	client := clientFile(t, "https://app.example.org/_gate/callback")
	code, out, err := do("setup", "--yes", "--public-url", "https://app.example.org/", "--client-json", client, "--domain", "corp.example", "--domain", "corp.example.org", "--email=ann@gmail.com")
	if code != 0 || strings.Contains(out+err, "canary") {
		t.Fatalf("code %d\n%s%s", code, out, err)
	}
	if err := os.Remove(client); err != nil { // the copy is what counts
		t.Fatal(err)
	}
	t.Setenv("SIDEGATE_UPSTREAM", "http://127.0.0.1:8501")
	code, out, err = do("config")
	if code != 0 {
		t.Fatalf("code %d\n%s", code, err)
	}
	for _, want := range []string{
		"SIDEGATE_PUBLIC_URL=https://app.example.org\n", "SIDEGATE_CLIENT_ID=id.apps.example\n", "SIDEGATE_ALLOWED_DOMAINS=corp.example,corp.example.org\n",
		"SIDEGATE_ALLOWED_EMAILS=ann@gmail.com\n", "SIDEGATE_SESSION_STORE=file:/", "SIDEGATE_ENV_FILE=sidegate.env\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// config's own word is what refuses an answer.
func TestSetupRefusesWhatTheStartWould(t *testing.T) {
	settings(t)
	t.Setenv("HOME", t.TempDir())
	t.Chdir(t.TempDir())
	client := clientFile(t, "http://localhost:8080/_gate/callback")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--public-url", "http://192.168.1.5:8501"}, "https"},
		{[]string{"--public-url", "192.168.1.5:8501"}, "is not a URL; write it like https://app.example.com"},
		{[]string{"--public-url", "https://app.internal"}, "no public top-level domain"},
		{[]string{"--email", "nobody"}, "SIDEGATE_ALLOWED_EMAILS"},
		{[]string{"--domain", "not a domain"}, "SIDEGATE_ALLOWED_DOMAINS"},
		{[]string{"--email", "a@corp.example", "--store", "sqlite:x"}, "SIDEGATE_SESSION_STORE"},
	} {
		code, out, err := do(append([]string{"setup", "--yes", "--client-json", client}, tt.args...)...)
		if code != 1 || !strings.Contains(err, tt.want) {
			t.Errorf("%q: code %d, %s\n%s", tt.args, code, err, out)
		}
		if left, _ := os.ReadDir("."); len(left) != 0 {
			t.Errorf("%q: %v was written", tt.args, left)
		}
	}
}

func TestSetupWithoutATerminalSaysWhatToDo(t *testing.T) {
	settings(t)
	code, out, err := do("setup")
	if code != 2 || out != "" || !strings.Contains(err, "needs a terminal") || !strings.Contains(err, "--yes") {
		t.Errorf("code %d, %q, %q", code, out, err)
	}
	for _, args := range [][]string{{"setup", "--client"}, {"setup", "now"}} {
		if code, _, err := do(args...); code != 2 || !strings.Contains(err, "sidegate setup") {
			t.Errorf("%q: code %d, %s", args, code, err)
		}
	}
}

// Who goes on with `run` needs no SIDEGATE_UPSTREAM and has nothing running yet: setup
// ends without a word of either.
func TestSetupEndsWithoutAskingForWhatRunBrings(t *testing.T) {
	settings(t)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("SIDEGATE_ISSUER", "http://127.0.0.1:1")
	t.Chdir(t.TempDir())
	client := clientFile(t, "http://localhost:8080/_gate/callback")
	code, out, err := do("setup", "--yes", "--client-json", client, "--email", "ann@gmail.com")
	if code != 0 || !strings.Contains(out, "\nSettings ") || !strings.Contains(out, "\nSessions ") || !strings.Contains(out, "sidegate run -- streamlit run app.py") {
		t.Fatalf("code %d, nothing was checked, or what comes next is not said\n%s%s", code, out, err)
	}
	for _, no := range []string{"SIDEGATE_UPSTREAM", "front", "websocket"} {
		if strings.Contains(out, no) {
			t.Errorf("setup speaks of %s:\n%s", no, out)
		}
	}
}

func TestACommandIsCalledAsItWas(t *testing.T) {
	for program, want := range map[string]string{"./sidegate": "./sidegate", "sidegate": "sidegate", "/tmp/go-build1/exe/sidegate": "sidegate"} {
		if got := calledAs(program); got != want {
			t.Errorf("calledAs(%q) = %q, want %q", program, got, want)
		}
	}
}
