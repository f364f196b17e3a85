package main

import (
	"os"
	"strings"
	"testing"
)

// Each wrong turn that newcomers take ends at one sentence that says what to do.
func TestWrongTurnsSayWhatToDo(t *testing.T) {
	settings(t)
	t.Chdir(t.TempDir())
	for _, tt := range []struct{ typed, want string }{
		{"run streamlit run app.py", "put -- before your app's command, sidegate run -- streamlit run app.py\n"},
		{"demo streamlit run app.py", "sidegate demo -- streamlit run app.py\n"},
		{"doctor streamlit run app.py", "sidegate doctor -- streamlit run app.py\n"},
		{"run", "it needs the command that starts your app, as in sidegate run -- streamlit run app.py\n"},
		{"run --", "it needs the command that starts your app"},
		{"streamlit run app.py", "To start an app and stand in front of it: sidegate run -- streamlit run app.py\n"},
		{"stetup", "sidegate help lists what there is\n"},
		{"run -- true", "sidegate setup asks for what is missing, and writes it to sidegate.env.\n"},
	} {
		code, _, err := do(strings.Fields(tt.typed)...)
		if code != 2 || !strings.Contains(err, tt.want) {
			t.Errorf("%s: code %d, no %q in:\n%s", tt.typed, code, tt.want, err)
		}
	}
	for _, typed := range []string{"demo --jsn", "serve now"} { // no app's command
		if _, _, err := do(strings.Fields(typed)...); strings.Contains(err, "put --") {
			t.Errorf("%s: %s", typed, err)
		}
	}
	for _, begun := range [][]string{
		{"CLIENT_ID=id", "CLIENT_SECRET=canary", "ALLOWED_DOMAINS=example.com"},
		{"CLIENT_ID=i\td", "CLIENT_SECRET=canary", "ALLOWED_DOMAINS=not a domain"},
	} {
		settings(t, begun...)
		if _, _, err := do("serve"); strings.Contains(err, "setup asks") {
			t.Errorf("who has begun is sent back to setup:\n%s", err)
		}
	}
}

// Whoever is told that nothing is set looks for it in a file in which it all stands.
func TestAFileThatIsNotReadIsTheOnlyFault(t *testing.T) {
	settings(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("sidegate.env", []byte("SIDEGATE_"+strings.Join(runnable(), "\nSIDEGATE_")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod("sidegate.env", 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run", "--", "true"}, {"serve"}, {"config"}} {
		code, _, err := do(args...)
		if code != 2 || strings.Count(err, "\n") != 2 || !strings.Contains(err, "run: chmod 600 sidegate.env") {
			t.Errorf("%v: code %d, %s", args, code, err)
		}
	}
	_, out, _ := do("doctor", "--offline")
	if !strings.Contains(out, "chmod 600 sidegate.env") || strings.Contains(out, "nobody may enter") || strings.Contains(out, "there is no OAuth client") || strings.Count(out, "the file with settings was not read") != 2 {
		t.Errorf("doctor:\n%s", out)
	}
	t.Setenv("SIDEGATE_SESSION_IDLE", "soon") // of the environment, which was read
	if _, _, err := do("serve"); !strings.Contains(err, "SIDEGATE_SESSION_IDLE") {
		t.Errorf("a fault of the environment is kept back:\n%s", err)
	}
}

func TestAnAppThatDoesNotStartSaysWhy(t *testing.T) {
	settings(t, runnable()...)
	code, _, err := do("run", "--", "no-such-program")
	if code != 1 || !strings.Contains(err, `there is no program "no-such-program" on the PATH. Install it`) {
		t.Errorf("code %d, %s", code, err)
	}
	code, _, err = do("run", "--", "sh", "-c", "exit 3")
	if code != 3 || !strings.Contains(err, `"the app has ended by itself","code":3`) {
		t.Errorf("code %d, %s", code, err)
	}
	ended := &child{done: make(chan struct{}), code: 3}
	close(ended.done)
	var screen output
	greeter{screen: true, to: streams{&output{}, &screen}}.ended(ended)
	if got := screen.String(); !strings.HasPrefix(got, "  Ended         the app has ended by itself, with code 3") || !strings.Contains(got, "above") {
		t.Errorf("the screen says %q", got)
	}
}
