package dashboards

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"sidegate/test/parts"
)

// row is what was seen of one dashboard. Each cell is what a test checked, in the
// words of a person; an empty one: the app has no such thing.
type row struct {
	App     string
	Version string
	Who     string // how the app itself says who is signed in
	Live    string // which live interaction works
	Upload  string
	Logout  string // which button of the app signs out
	Ended   string // what an open page shows when its session ends
}

const head = `| app | version | who is signed in | live | upload | its own log-out | when the session ends under an open page |
|---|---|---|---|---|---|---|
`

// table collects the rows of tests that passed.
type table struct {
	mu   sync.Mutex
	rows []row
}

var seen table

// saw notes a row, if everything that it says was seen.
func (d *dashboard) saw(r row) {
	d.t.Cleanup(func() {
		if !d.t.Failed() {
			seen.mu.Lock()
			defer seen.mu.Unlock()
			seen.rows = append(seen.rows, r)
		}
	})
}

func (r row) String() string {
	cells := []string{r.App, r.Version, r.Who, r.Live, cmp.Or(r.Upload, "–"), cmp.Or(r.Logout, "–"), r.Ended}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// check compares the rows in docs/dashboards.md with those seen, or replaces them.
// Only the version may differ: the newest release of an app is news, not a mistake.
func (t *table) check(update bool) error {
	root, err := parts.Checkout()
	if err != nil || len(t.rows) == 0 {
		return err
	}
	path := filepath.Join(root, "docs", "dashboards.md")
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(page), head)
	if !ok {
		return errors.New("docs/dashboards.md has no table with the present columns")
	}
	old, after, _ := strings.Cut(rest, "\n\n")
	rows := map[string]string{} // by app
	for line := range strings.Lines(strings.TrimLeft(old, "\n") + "\n") {
		if strings.HasPrefix(line, "| ") {
			rows[strings.Split(line, " | ")[0]] = line
		}
	}
	var wrong []string
	for _, r := range t.rows {
		was := rows["| "+r.App]
		if withoutVersion(was) != withoutVersion(r.String()) {
			wrong = append(wrong, r.String())
		}
		rows["| "+r.App] = r.String()
	}
	if !update {
		if len(wrong) > 0 {
			return fmt.Errorf("docs/dashboards.md says something else than was seen; UPDATE_TABLE=1 go test ./test/dashboards writes\n%s", strings.Join(wrong, ""))
		}
		return nil
	}
	var lines []string
	for _, line := range rows {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return os.WriteFile(path, []byte(before+head+strings.Join(lines, "")+"\n"+after), 0o644)
}

func withoutVersion(line string) string {
	cells := strings.Split(line, " | ")
	if len(cells) > 1 {
		cells[1] = ""
	}
	return strings.Join(cells, " | ")
}
