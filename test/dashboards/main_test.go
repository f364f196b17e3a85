// Package dashboards tries real dashboards behind the real program, in a real
// Chromium: each is installed as its makers ship it, started by `sidegate run`, and
// knows nothing of sidegate. What was seen makes the table in docs/dashboards.md.
//
// `go run ./test/all` installs the dashboards. `UPDATE_TABLE=1 go test
// ./test/dashboards` writes the table anew; without it a table that says something
// else than was seen fails the tests.
package dashboards

import (
	"fmt"
	"os"
	"testing"

	"sidegate/test/stage"
)

// TestMain compares the table with what was seen, and removes what the tests built.
func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemoveProgram()
	if err := seen.check(os.Getenv("UPDATE_TABLE") == "1"); err != nil && code == 0 {
		fmt.Println(err)
		code = 1
	}
	os.Exit(code)
}
