package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// busy are the packages whose tests drive real browsers, dashboards and networks: a busy
// machine now and then loses what they wait for.
func busy(pkg string) bool {
	return pkg == "sidegate/test/e2e" || pkg == "sidegate/test/dashboards" || pkg == "sidegate/test/fault"
}

// test runs tests. What fails in a busy package has a second try by itself, which the
// summary names; what fails elsewhere, twice, or by a data race has failed.
func (c *checks) test(args []string, packages ...string) error {
	var out bytes.Buffer
	cmd := c.command("go", append(append([]string{"test"}, args...), packages...)...)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(os.Stdout, &out), os.Stderr
	err := cmd.Run()
	if err == nil || c.ctx.Err() != nil {
		return err
	}
	failed, known := failures(out.String())
	if !known {
		return err
	}
	for _, f := range failed {
		if !busy(f.pkg) {
			return err
		}
	}
	for _, f := range failed {
		c.report.note("a second try of %s %s", f.pkg, strings.Join(f.tests, ", "))
		again := append(append([]string{"test"}, args...), "-run=^("+strings.Join(f.tests, "|")+")$", f.pkg)
		if second := c.show("go", again...); second != nil {
			return errors.Join(err, second)
		}
		c.report.second = append(c.report.second, fmt.Sprintf("%s of %s", strings.Join(f.tests, ", "), f.pkg))
	}
	return nil
}

// failure is a package with the tests of it that failed.
type failure struct {
	pkg   string
	tests []string
}

var (
	failedTest    = regexp.MustCompile(`^--- FAIL: (\w+) \(`)
	failedPackage = regexp.MustCompile(`^FAIL\t(\S+)\t`)
)

// failures reads which tests failed from what `go test` printed. It is not known when a
// package failed otherwise than by its tests: it did not build, panicked, ran out of
// time, or had a data race.
func failures(out string) (failed []failure, known bool) {
	if strings.Contains(out, "WARNING: DATA RACE") || strings.Contains(out, "\npanic: ") {
		return nil, false
	}
	var tests []string
	for line := range strings.Lines(out) {
		if m := failedTest.FindStringSubmatch(line); m != nil {
			tests = append(tests, m[1])
		} else if m := failedPackage.FindStringSubmatch(line); m != nil || strings.HasPrefix(line, "FAIL\t") {
			if m == nil || len(tests) == 0 {
				return nil, false
			}
			failed, tests = append(failed, failure{m[1], tests}), nil
		}
	}
	return failed, len(failed) > 0
}
