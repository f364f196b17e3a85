package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// Whoever reads the README knows what comes along: each module that go.mod asks for has a
// row with its reason, and none has one that is not asked for.
func TestTheReadmeNamesEachDependency(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{if not (or .Main .Indirect)}}{{.Path}}{{end}}", "all").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	_, table, ok := strings.Cut(manual(t)["README.md"], "\n| module | where | why |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	if !ok {
		t.Fatal("the README has no table of modules")
	}
	direct := strings.Fields(string(out))
	if len(direct) < 10 {
		t.Fatalf("go list names %v", direct)
	}
	for _, module := range direct {
		if !strings.Contains(table, "`"+module+"`") {
			t.Errorf("the README does not say why %s is needed", module)
		}
	}
	for _, named := range regexp.MustCompile("`([a-z.]+\\.[a-z]+/[^`]+)`").FindAllStringSubmatch(table, -1) {
		if !strings.Contains("\n"+string(out), "\n"+named[1]+"\n") {
			t.Errorf("the README has a reason for %s, which is not needed", named[1])
		}
	}
}

// Who looks for a package finds why it exists.
func TestContributingNamesEachPackage(t *testing.T) {
	page := manual(t)["CONTRIBUTING.md"]
	for _, p := range packages(t) {
		room, _, _ := strings.Cut(strings.TrimPrefix(p.ImportPath, "sidegate/"), "/")
		if room != "cmd" && !strings.Contains(page, "| ["+room+"]("+room+") |") {
			t.Errorf("CONTRIBUTING.md has no row for %s", room)
		}
	}
}

// Two commands are all the set-up there is: one to try it, one to test it.
func TestTheReadmeHasTheTwoCommands(t *testing.T) {
	page := manual(t)["README.md"]
	for _, command := range []string{"go run ./cmd/sidegate demo", "go run ./test/all"} {
		if !strings.Contains(page, "```sh\n"+command+"\n```") {
			t.Errorf("the README has no block with %q alone", command)
		}
	}
}
