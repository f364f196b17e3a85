package filestore_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sidegate/session"
	"sidegate/session/filestore"
	"sidegate/session/sessiontest"
)

func TestFileKeepsTheStoreContract(t *testing.T) {
	sessiontest.TestStore(t, func(t *testing.T) session.Store { return open(t, newPath(t)) })
}

func TestRecordsSurviveARestart(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	if err := s.Put(t.Context(), "lasting", []byte("x"), time.Hour); err != nil {
		t.Fatalf("Put: %v", err)
	}
	if err := s.Put(t.Context(), "passing", []byte("x"), time.Millisecond); err != nil {
		t.Fatalf("Put: %v", err)
	}
	time.Sleep(10 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}

	s = open(t, path)
	if got, err := s.Get(t.Context(), "lasting"); string(got) != "x" {
		t.Errorf("Get(lasting) = %q, %v; want x", got, err)
	}
	if _, err := s.Get(t.Context(), "passing"); !errors.Is(err, session.ErrNone) {
		t.Errorf("Get(passing) = %v, want ErrNone: lifetimes survive too", err)
	}
}

func TestAClosedFileFailsInsteadOfAnsweringAbsence(t *testing.T) {
	s := open(t, newPath(t))
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
	_, getErr := s.Get(t.Context(), "a")
	for method, err := range map[string]error{
		"Get": getErr, "Put": s.Put(t.Context(), "a", nil, time.Hour), "Revoke": s.Revoke(t.Context(), "a"),
	} {
		if err == nil || errors.Is(err, session.ErrNone) {
			t.Errorf("%s after Close = %v, want a failure", method, err)
		}
	}
}

func TestTheFileIsForItsOwnerAlone(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := newPath(t)
	open(t, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != 0o600 {
		t.Errorf("mode of a new file = %v, want -rw-------", got)
	}
}

// SEC-CFG-08.
func TestAFileThatOthersMayOpenIsRefused(t *testing.T) {
	for _, mode := range []fs.FileMode{0o640, 0o620, 0o604, 0o602, 0o660, 0o644, 0o666, 0o610} {
		path := newSessionFile(t)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, path, "chmod 600 "+path)
	}
}

func TestSomebodyElsesFileIsRefused(t *testing.T) {
	path := newSessionFile(t)
	if err := os.Chown(path, 54321, -1); err != nil {
		t.Skipf("giving a file away takes root: %v", err)
	}
	wantRefused(t, path, fmt.Sprintf("chown %d %s", os.Geteuid(), path))
}

// Who may write to the directory could otherwise have us write, as us, into a
// file of ours elsewhere.
func TestASymbolicLinkIsRefused(t *testing.T) {
	for claim, target := range map[string]string{"to a file": newSessionFile(t), "to nothing": newPath(t)} {
		path := newPath(t)
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		t.Run(claim, func(t *testing.T) { wantRefused(t, path, "symbolic link") })
	}
}

func TestWhatIsNoRegularFileIsRefused(t *testing.T) {
	path := newPath(t)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, path, "not a regular file")
	wantRefused(t, t.TempDir(), "is a directory")
}

// SESSION_STORE=file:/etc/app.yaml must not cost anybody that file.
func TestAForeignFileIsRefusedAndLeftAlone(t *testing.T) {
	for _, content := range []string{"x", "key: value\n", strings.Repeat("long ", 100_000)} {
		path := newPath(t)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, path, "not a session file")
		if got, err := os.ReadFile(path); string(got) != content {
			t.Errorf("the refused file has changed (%d bytes, %v)", len(got), err)
		}
	}
}

func TestASecondProcessIsRefused(t *testing.T) {
	path := newPath(t)
	open(t, path)
	wantRefused(t, path, "another process has "+path+" open")
}

func TestAMissingDirectoryIsNamed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	wantRefused(t, filepath.Join(dir, "sessions"), "mkdir -p -m 700 "+dir)
	wantRefused(t, filepath.Join(newSessionFile(t), "sessions"), "not a directory")
	wantRefused(t, "", "empty")
}

// A process can be killed while it makes the file. What it leaves is the first
// part of four pages; to read past the end of a memory map ends the process.
func TestAFileThatWasNeverFinishedIsMadeAgain(t *testing.T) {
	whole, err := os.ReadFile(newSessionFile(t))
	if err != nil {
		t.Fatal(err)
	}
	for pages := range 4 {
		path := newPath(t)
		if err := os.WriteFile(path, whole[:pages*os.Getpagesize()], 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, path)
		if err := s.Put(t.Context(), "a", []byte("x"), time.Hour); err != nil {
			t.Errorf("%d pages: Put: %v", pages, err)
		}
	}
}

func newPath(t *testing.T) string { return filepath.Join(t.TempDir(), "sessions") }

func open(t *testing.T, path string) *filestore.Store {
	t.Helper()
	s, err := filestore.Open(path)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// newSessionFile returns the path of an empty session file that nobody has open.
func newSessionFile(t *testing.T) string {
	t.Helper()
	path := newPath(t)
	open(t, path).Close()
	return path
}

func wantRefused(t *testing.T, path, because string) {
	t.Helper()
	s, err := filestore.Open(path)
	if err == nil {
		s.Close()
		t.Errorf("Open(%s): no error, want one with %q", path, because)
		return
	}
	got := err.Error()
	if !strings.HasPrefix(got, "filestore: ") || !strings.Contains(got, because) || strings.Contains(got, "\n") {
		t.Errorf("Open = %q, want one sentence with %q", got, because)
	}
}
