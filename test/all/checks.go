package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	staticcheck = "honnef.co/go/tools/cmd/staticcheck@v0.8.2"
	// fuzzTime is for each target: a smoke test; leave one running for hours to search.
	// A count and not a time, at whose end `go test` now and then takes its own deadline
	// for a failure.
	fuzzTime = "20000x"
)

// checks runs every check, also after one failed: people want the whole list.
type checks struct {
	shell
	report *report
}

func (c *checks) all() error {
	c.env = append(c.env, "TEST_REQUIRE_ALL=1")
	c.step("gofmt", c.gofmt)
	c.step("go vet", func() error { return c.show("go", "vet", "./...") })
	c.step("staticcheck", func() error { return c.show("go", "run", staticcheck, "./...") })
	packages, err := c.output("go", "list", "./...")
	if err != nil {
		return err
	}
	// By themselves: the fault tests measure what trouble does to processes of the real
	// program, and beside other tests would measure those; each dashboard is a server that
	// needs a core and a browser besides. Nothing of ours runs in either's own process.
	alone := []string{"sidegate/test/dashboards", "sidegate/test/fault"}
	together := slices.DeleteFunc(strings.Fields(packages), func(p string) bool { return slices.Contains(alone, p) })
	// What waits most begins first: browsers, while others compute.
	slices.SortStableFunc(together, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	c.step("go test -race", func() error {
		return c.test([]string{"-race", "-shuffle=on", "-count=1", "-timeout=15m"}, together...)
	})
	for _, p := range alone {
		c.step("go test "+p, func() error {
			return c.test([]string{"-v", "-count=1", "-timeout=10m"}, p)
		})
	}
	targets, err := c.fuzzTargets()
	if err != nil {
		return err
	}
	for _, t := range targets {
		c.step("fuzz "+t.name+", "+strings.TrimSuffix(fuzzTime, "x")+" times", func() error {
			return c.quiet("go", "test", "-run=^$", "-fuzz=^"+t.name+"$", "-fuzztime="+fuzzTime, t.pkg)
		})
	}
	return c.ctx.Err()
}

func rank(pkg string) int {
	if pkg == "sidegate/test/e2e" {
		return 0
	}
	return 1
}

// step reports what do found, unless somebody stopped the whole run.
func (c *checks) step(name string, do func() error) {
	if c.ctx.Err() == nil {
		_ = c.report.step(name, do)
	}
}

func (c *checks) gofmt() error {
	files, err := c.output("gofmt", "-l", ".")
	if err == nil && files != "" {
		err = errors.New("not formatted: " + strings.ReplaceAll(files, "\n", ", "))
	}
	return err
}

type fuzzTarget struct{ pkg, name string }

// fuzzTargets finds the targets in the source: `go test -list` would build every
// test first.
func (c *checks) fuzzTargets() ([]fuzzTarget, error) {
	const format = `{{$p := .}}{{range .TestGoFiles}}{{$p.ImportPath}} {{$p.Dir}}/{{.}}
{{end}}{{range .XTestGoFiles}}{{$p.ImportPath}} {{$p.Dir}}/{{.}}
{{end}}`
	out, err := c.output("go", "list", "-f", format, "./...")
	if err != nil {
		return nil, err
	}
	var targets []fuzzTarget
	for line := range strings.Lines(out) {
		pkg, file, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		source, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			return nil, fmt.Errorf("looking for fuzz targets: %w", err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`).FindAllSubmatch(source, -1) {
			targets = append(targets, fuzzTarget{pkg, string(m[1])})
		}
	}
	return targets, nil
}
