package need

import (
	"os"
	"testing"
)

// Root ends the test as Program does when it does not run as root. what says what
// it needs root for.
func Root(t testing.TB, what string) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	const format = "this test needs root, for %s"
	if os.Getenv("TEST_REQUIRE_ALL") == "1" {
		t.Fatalf(format, what)
	}
	t.Skipf(format, what)
}
