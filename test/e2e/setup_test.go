package e2e

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sidegate/test/need"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

// dialogue is a program on a real terminal.
type dialogue struct {
	t      *testing.T
	folder string
	out    *rig.Output
	typed  io.WriteCloser
	ended  chan error
	seen   int // bytes of out that were waited for
}

// onTerminal runs a command on a terminal of its own, with no more environment than that.
func onTerminal(t *testing.T, folder string, env []string, command string) *dialogue {
	t.Helper()
	d := &dialogue{t: t, folder: folder, out: &rig.Output{}, ended: make(chan error, 1)}
	cmd := exec.Command(need.Program(t, "script", "bsdutils"), "-qefc", command, "/dev/null")
	cmd.Dir = folder
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	cmd.Stdout, cmd.Stderr = d.out, d.out
	var err error
	if d.typed, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		d.typed.Close()
		if t.Failed() {
			t.Logf("the conversation:\n%s", d.out)
		}
	})
	return d
}

func startSetup(t *testing.T) *dialogue {
	t.Helper()
	folder := t.TempDir()
	return onTerminal(t, folder, []string{"HOME=" + folder, "SHELL=/bin/sh", "TERM=dumb"}, "'"+stage.Program(t)+"' setup")
}

// answer waits for a question and types what is said.
func (d *dialogue) answer(question, say string) {
	d.t.Helper()
	rig.Eventually(d.t, func() string { return "setup did not ask " + question }, func() bool {
		i := strings.Index(d.out.String()[d.seen:], question)
		if i >= 0 {
			d.seen += i + len(question)
		}
		return i >= 0
	})
	if _, err := io.WriteString(d.typed, say); err != nil {
		d.t.Fatal(err)
	}
}

// From a client's file to settings in force, as a person does it.
func TestSetupOnATerminal(t *testing.T) {
	t.Parallel()
	d := startSetup(t)
	downloads := filepath.Join(d.folder, "Downloads")
	if err := os.Mkdir(downloads, 0o755); err != nil {
		t.Fatal(err)
	}
	d.answer("Address [http://localhost:8080]:", "\r")
	d.answer("Enter when it is downloaded", "\r")
	d.answer("No client_secret_", "")
	client := `{"web":{"client_id":"id","client_secret":"canary","redirect_uris":["http://localhost:8080/_gate/callback"]}}`
	if err := os.WriteFile(filepath.Join(downloads, "client_secret_1.json"), []byte(client), 0o644); err != nil {
		t.Fatal(err)
	}
	d.answer("Enter when it is downloaded", "\r")
	d.answer("Number, or the path of another file [1]:", "\r")
	d.answer("Number [1]:", "2\r")
	d.answer("Addresses, with commas between:", "ann@gmail.com\r")
	d.answer("(Y/n)", "\r")
	if err := <-d.ended; err != nil {
		t.Fatalf("setup: %v", err)
	}
	if out := d.out.String(); strings.Contains(out, "canary") || !strings.Contains(out, "sidegate run -- streamlit run app.py") {
		t.Error("the secret is on the screen, or what comes next is not")
	}
	config := exec.Command(stage.Program(t), "config")
	config.Dir, config.Env = d.folder, []string{"SIDEGATE_UPSTREAM=http://127.0.0.1:8501"}
	shown, err := config.CombinedOutput()
	if err != nil || !strings.Contains(string(shown), "SIDEGATE_ALLOWED_EMAILS=ann@gmail.com") {
		t.Errorf("sidegate config: %v\n%s", err, shown)
	}
}

func TestCtrlCInSetupLeavesNothing(t *testing.T) {
	t.Parallel()
	d := startSetup(t)
	if err := os.WriteFile(filepath.Join(d.folder, "client_secret_1.json"), []byte(`{"web":{"client_id":"id","client_secret":"canary","redirect_uris":["http://localhost:8080/_gate/callback"]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	d.answer("Address [http://localhost:8080]:", "\r")
	d.answer("Number, or the path of another file [1]:", "\r")
	d.answer("Number [1]:", "\x03")
	exit, ok := (<-d.ended).(*exec.ExitError)
	if !ok || exit.ExitCode() != 130 || !strings.Contains(d.out.String(), "nothing was written") {
		t.Errorf("setup ended with %v", exit)
	}
	left, err := os.ReadDir(d.folder)
	if err != nil || len(left) != 1 {
		t.Errorf("the folder holds %v, %v", left, err)
	}
}
