// Package need finds the programs that tests start. A machine without one of
// them skips those tests, and says which package to install; where a skipped
// test would hide a failure, as on a build server, TEST_REQUIRE_ALL=1
// turns every such skip into a failure.
package need

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Program returns the path of the program called name. When it is not
// installed the test is skipped, or fails if TEST_REQUIRE_ALL is 1.
func Program(t testing.TB, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	// Debian has servers where only root's PATH leads.
	if path, err := exec.LookPath(filepath.Join("/usr/sbin", name)); err == nil {
		return path
	}
	const format = "this test needs %s: install the Debian package %s (%v)"
	if os.Getenv("TEST_REQUIRE_ALL") == "1" {
		t.Fatalf(format, name, debianPackage, err)
	}
	t.Skipf(format, name, debianPackage, err)
	return ""
}
