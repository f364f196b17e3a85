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

	"sidegate/test/stage"
)

// TestMain removes what the tests built.
func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemoveProgram()
	os.Exit(code)
}
