package need_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sidegate/test/need"
)

// spy records how a test was ended. Unlike the real one it goes on afterwards.
type spy struct {
	testing.TB
	skipped, failed string
}

func (s *spy) Helper()                           {}
func (s *spy) Skipf(format string, args ...any)  { s.skipped = fmt.Sprintf(format, args...) }
func (s *spy) Fatalf(format string, args ...any) { s.failed = fmt.Sprintf(format, args...) }

func TestProgramReturnsThePathOfWhatIsInstalled(t *testing.T) {
	s := &spy{TB: t}
	if got := need.Program(s, "sh", "dash"); filepath.Base(got) != "sh" || s.skipped+s.failed != "" {
		t.Errorf("Program(sh) = %q, skipped %q, failed %q", got, s.skipped, s.failed)
	}
}

// Only root's PATH leads to /usr/sbin, and servers need no root to be tested.
func TestServersAreFoundWithoutRootsPath(t *testing.T) {
	t.Setenv("PATH", "/usr/sbin")
	var name, want string
	all, err := os.ReadDir("/usr/sbin")
	for _, f := range all {
		if path, err := exec.LookPath(f.Name()); err == nil && want == "" {
			name, want = f.Name(), path
		}
	}
	if want == "" {
		t.Fatalf("no program in /usr/sbin: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	s := &spy{TB: t}
	if got := need.Program(s, name, "some-package"); got != want || s.skipped+s.failed != "" {
		t.Errorf("Program(%s) = %q, skipped %q, failed %q; want %s", name, got, s.skipped, s.failed, want)
	}
}

func TestAMissingProgramSkipsTheTestAndNamesThePackage(t *testing.T) {
	t.Setenv("TEST_REQUIRE_ALL", "")
	s := &spy{TB: t}
	need.Program(s, "sidegate-no-such-program", "some-package")
	if s.failed != "" || !strings.Contains(s.skipped, "some-package") {
		t.Errorf("skipped %q, failed %q; want a skip that names some-package", s.skipped, s.failed)
	}
}

func TestRequireAllTurnsTheSkipIntoAFailure(t *testing.T) {
	t.Setenv("TEST_REQUIRE_ALL", "1")
	s := &spy{TB: t}
	need.Program(s, "sidegate-no-such-program", "some-package")
	if !strings.Contains(s.failed, "some-package") {
		t.Errorf("failed %q; want a failure that names some-package", s.failed)
	}
}

func TestWhatNeedsRootSaysSo(t *testing.T) {
	for require, wantFailed := range map[string]bool{"": false, "1": true} {
		t.Setenv("TEST_REQUIRE_ALL", require)
		s := &spy{TB: t}
		need.Root(s, "a network of its own")
		if os.Geteuid() == 0 {
			if s.skipped+s.failed != "" {
				t.Errorf("as root: skipped %q, failed %q", s.skipped, s.failed)
			}
			continue
		}
		said := s.skipped
		if wantFailed {
			said = s.failed
		}
		if !strings.Contains(said, "a network of its own") || !wantFailed && s.failed != "" {
			t.Errorf("with TEST_REQUIRE_ALL=%q: skipped %q, failed %q", require, s.skipped, s.failed)
		}
	}
}
