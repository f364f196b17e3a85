// Package e2e tries the program as people use it: the real binary, in front of a
// real Streamlit, with sessions in a real Redis, sign-in at an independent
// provider, and a real headless Chromium on the other side. Nothing here imports
// sidegate's own packages, so what holds here holds on the wire.
//
// `go run ./test/all` installs what these tests need. With SCREENSHOTS=folder in
// the environment they leave pictures of the pages there.
package e2e

import (
	"os"
	"testing"

	"sidegate/test/need"
	"sidegate/test/parts"
	"sidegate/test/rig"
)

// sidegate is the program, built when the first test needs it.
var sidegate rig.Binary

// TestMain removes what the tests built.
func TestMain(m *testing.M) {
	code := m.Run()
	sidegate.Remove()
	os.Exit(code)
}

func program(t *testing.T) string { t.Helper(); return sidegate.Path(t) }

// part returns the path of a part that is in the cache.
func part(t *testing.T, path func(parts.Cache) string) string {
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

// checkout is the root of the module: tests run in their package's folder.
func checkout(t *testing.T) string {
	t.Helper()
	root, err := parts.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	return root
}
