package pages

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
