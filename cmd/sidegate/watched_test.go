package main

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A pipe in the place of a list lists nobody, and holds up nothing.
func TestAListThatIsAPipeIsNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "emails")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string, 1)
	go func() {
		text, err := (&watchedFile{name: "SIDEGATE_ALLOWED_EMAILS_FILE", path: path}).read()
		if err != nil {
			text = err.Error()
		}
		read <- text
	}()
	select {
	case text := <-read:
		if text != "" {
			t.Errorf("got %q", text)
		}
	case <-time.After(30 * time.Second):
		t.Error("it is waited for")
	}
}
