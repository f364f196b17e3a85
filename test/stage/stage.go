// Package stage holds what the tests that play a whole story have in common: the real
// program, an independent OpenID provider, and a real headless Chromium.
//
// With SCREENSHOTS=folder in the environment they leave pictures of pages there.
package stage

import (
	"os"
	"testing"

	"sidegate/test/need"
	"sidegate/test/parts"
	"sidegate/test/rig"
)

// sidegate is the program, built when the first test needs it.
var sidegate rig.Binary

// Program is the path of sidegate itself.
func Program(t *testing.T) string { t.Helper(); return sidegate.Path(t) }

// RemoveProgram removes it again, when all tests of a package are over.
func RemoveProgram() { sidegate.Remove() }

// Part returns the path of a part that is in the cache.
func Part(t *testing.T, path func(parts.Cache) string) string {
	t.Helper()
	cache, err := parts.UserCache()
	if err != nil {
		t.Fatal(err)
	}
	p := path(cache)
	if _, err := os.Stat(p); err == nil {
		return p
	}
	const format = "this test needs %s: `go run ./test/all` installs it"
	if os.Getenv("TEST_REQUIRE_ALL") == "1" {
		t.Fatalf(format, p)
	}
	t.Skipf(format, p)
	return ""
}

func chromium(t *testing.T) string { t.Helper(); return need.Program(t, "chromium", "chromium") }

// Checkout is the root of the module: tests run in their package's folder.
func Checkout(t *testing.T) string {
	t.Helper()
	root, err := parts.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	return root
}
