package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheEnvFileIsNamedByAFlag(t *testing.T) {
	path := filepath.Join(t.TempDir(), "my.env")
	lines := append(runnable(), "UPSTREAM=http://127.0.0.1:1", "ALLOWED_EMAILS=ann@example.org")
	if err := os.WriteFile(path, []byte("SIDEGATE_"+strings.Join(lines, "\nSIDEGATE_")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"config", "--env-file", path}, {"--env-file=" + path, "config"}, {"--env-file", path, "config"}} {
		settings(t, "CLIENT_ID=of-the-environment", "ENV_FILE=")
		code, out, err := do(args...)
		if code != 0 || !strings.Contains(out, "SIDEGATE_ALLOWED_EMAILS=ann@example.org") || !strings.Contains(out, "SIDEGATE_CLIENT_ID=of-the-environment") {
			t.Errorf("%q: code %d\n%s%s", args, code, out, err)
		}
	}
	settings(t, "ENV_FILE=")
	for _, args := range [][]string{{"config", "--env-file"}, {"config", "--env-file="}} {
		if code, _, err := do(args...); code != 2 || !strings.Contains(err, "--env-file FILE") {
			t.Errorf("%q: code %d, %s", args, code, err)
		}
	}
}

// The app's own arguments are the app's.
func TestTheAppsArgumentsAreNotOurs(t *testing.T) {
	settings(t, append(runnable(), "ENV_FILE=")...)
	file := filepath.Join(t.TempDir(), "args")
	if code, _, err := do("run", "--", "sh", "-c", `echo "$0 $1" > `+file, "--env-file", "its.env"); code != 0 {
		t.Fatalf("code %d: %s", code, err)
	}
	if got, _ := os.ReadFile(file); string(got) != "--env-file its.env\n" {
		t.Errorf("the app got %q", got)
	}
}

// run takes sidegate.env of the folder it is started in, and says so.
func TestRunReadsTheEnvFileOfItsFolderAndSaysSo(t *testing.T) {
	settings(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("sidegate.env", []byte("SIDEGATE_"+strings.Join(runnable(), "\nSIDEGATE_")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, err := do("run", "--", "sh", "-c", "exit 7")
	if code != 7 || !strings.Contains(err, `"env_file":"sidegate.env"`) || strings.Contains(err, "canary") {
		t.Errorf("code %d: %s", code, err)
	}
	if err := os.Chmod("sidegate.env", 0o666); err != nil {
		t.Fatal(err)
	}
	if code, _, err := do("run", "--", "sh", "-c", "exit 7"); code != 2 || !strings.Contains(err, "chmod 600 sidegate.env") {
		t.Errorf("writable by everybody: code %d: %s", code, err)
	}
}
