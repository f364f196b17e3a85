package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"sidegate/config"
)

// screenOf returns what a person at a terminal without colours is told at the start.
func screenOf(t *testing.T, command []string, set ...string) string {
	t.Helper()
	settings(t, append(append(runnable(), "UPSTREAM=http://127.0.0.1:8501"), set...)...)
	c, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	var e output
	g := greeter{screen: true, to: streams{&output{}, &e}}
	g.block(summary(c, command), c.Warnings())
	g.starting("http://127.0.0.1:8501", 0)
	g.ready("http://127.0.0.1:8501", c.Public.String(), 0)
	return e.String()
}

func TestTheStartScreenSaysWhatSomebodyHasToKnow(t *testing.T) {
	got := screenOf(t, []string{"streamlit", "run", "app.py"}, "APP=streamlit", "ALLOWED_EMAILS=ann@example.org", "ADMIN_LISTEN=127.0.0.1:8081")
	for _, want := range []string{
		"  Open          http://localhost:8080\n",
		"  Redirect URI  http://localhost:8080/_gate/callback\n",
		"  May enter     @example.com, 1 listed e-mail(s)\n",
		"  Sessions      in memory\n",
		"  App           streamlit run app.py, at http://127.0.0.1:8501 (Streamlit)\n",
		"  Private       http://127.0.0.1:8081 (health, metrics, sessions)\n",
		"  Mind          sessions are kept in memory: a restart signs everyone out\n",
		"  Ready         open http://localhost:8080",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") || strings.Contains(got, "canary") {
		t.Errorf("colours, or a secret, in\n%q", got)
	}
}

// With five risky settings it still fits on a terminal of 24 lines with 80 columns.
func TestTheStartScreenFitsOnAScreen(t *testing.T) {
	got := screenOf(t, []string{"streamlit", "run", "app.py"}, "ALLOW_ANYONE=true", "ADMIN_LISTEN=0.0.0.0:0",
		"UPSTREAM=http://app.example.com:8501", "LISTEN=127.0.0.1:8080")
	if n := strings.Count(got, "\n"); n > 24 {
		t.Errorf("%d lines:\n%s", n, got)
	}
	for line := range strings.Lines(got) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	if n := strings.Count(got, "  Mind "); n < 5 {
		t.Errorf("%d warnings of risky settings:\n%s", n, got)
	}
}

func TestSessionsThatSurviveARestartAreSaidTo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s.db")
	if got := screenOf(t, nil, "SESSION_STORE=file:"+file); !strings.Contains(got, "a restart logs nobody out") || strings.Contains(got, "in memory") {
		t.Errorf("got\n%s", got)
	}
}

// A log that is read by machines has the same, as one record and one for each warning.
func TestWithoutATerminalTheStartIsStructured(t *testing.T) {
	settings(t, append(runnable(), "UPSTREAM=http://127.0.0.1:1")...)
	c, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	var e output
	to := streams{&output{}, &e}
	s, err := newServer(c, config.Load, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.public.Close()
		s.admin.Close()
		s.store.Close()
	})
	s.greet(to, nil)
	var first map[string]string
	lines := strings.Split(strings.TrimSpace(e.String()), "\n")
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
		t.Fatalf("%v in %s", err, lines[0])
	}
	for name, want := range map[string]string{
		"open": "http://localhost:8080", "redirect_uri": "http://localhost:8080/_gate/callback", "may_enter": "@example.com",
		"sessions": "memory", "restart": "a restart logs everyone out", "preset": "auto", "app": "http://127.0.0.1:1",
	} {
		if first[name] != want {
			t.Errorf("%s is %q, want %q", name, first[name], want)
		}
	}
	if len(lines) != 1+len(c.Warnings()) {
		t.Errorf("%d lines for %d warnings:\n%s", len(lines), len(c.Warnings()), e.String())
	}
}
