package fault

import (
	"flag"
	"os"
	"testing"

	"sidegate/test/rig"
)

// sidegate is the program, built when the first test needs it.
var sidegate rig.Binary

// childRole makes the test binary play another part than running tests: one that
// has to be a process of its own, since it is killed or lives in another network.
const childRole = "FAULT_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childRole) {
	case "app":
		serveApp()
	case "relay":
		serveRelay()
	}
	waitTogether()
	code := m.Run()
	sidegate.Remove()
	os.Exit(code)
}

// waitTogether lets more tests run at the same time than there are processors: most
// of them wait for an outage to pass most of the time.
func waitTogether() {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", "8")
	}
}
