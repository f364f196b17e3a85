package main

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sample is a run with made-up figures.
func sample() written {
	w := written{run: &run{figures: make(figures), size: quickSize(), all: []*candidate{
		{name: bare, title: "bare `httputil.ReverseProxy`"}, {name: "redis", title: "**sidegate**, Redis"}, {name: "added", title: "a<b"},
	}}}
	for _, v := range []float64{40, 50} {
		w.figures.add(cpuFlat, bare, v)
		w.figures.add(cpuFlat, "redis", 2*v)
		w.figures.add(cpuFlat, "added", 4*v+v/2)
		w.figures.add(signIns, "redis", 10*v)
	}
	w.growth = []curve{{"connections", []int{1, 1000}, []line{
		{"bare", []spread{{40, 39, 41}, {50, 50, 50}}}, {"sidegate, `file:`", []spread{{80, 70, 90}, {100, 90, 120}}},
	}}}
	w.costs = costs{
		signIn: price{what: "a sign-in", calls: map[string]float64{"eval": 2, "zadd": 2, "set": 2}, cpu: 100 * time.Microsecond},
		touch:  price{what: "a minute", calls: map[string]float64{"set": 1}, cpu: 20 * time.Microsecond},
		revoke: map[int]price{1: {cpu: 50 * time.Microsecond}, 10: {cpu: 100 * time.Microsecond}, 100: {cpu: time.Millisecond}},
		record: 1000, group: 24, heard: 25 * time.Microsecond, capacity: 8000,
	}
	return w
}

func TestTheTableHasRatiosToTheBareProxyWithTheirSpread(t *testing.T) {
	got := sample().costTable()
	for _, want := range []string{
		"| bare `httputil.ReverseProxy` | 1.00 | 45 |",
		"| **sidegate**, Redis | 2.00 | 90 |",
		"| a<b | 4.50 | 203 |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table has no %q:\n%s", want, got)
		}
	}
	if got := sample().signInTable(); strings.Contains(got, "bare") || !strings.Contains(got, "| **sidegate**, Redis | 450 (400–500) |") {
		t.Errorf("what nobody signs in to has a row, or what somebody does has none:\n%s", got)
	}
}

// Without the bare proxy there are no ratios, and figures all the same.
func TestARowIsThereWhenAnyOfItsFiguresIs(t *testing.T) {
	w := sample()
	w.figures = figures{cpuFlat: {"redis": {10}}}
	if got := w.costTable(); !strings.Contains(got, "| **sidegate**, Redis | – | 10 |") || strings.Contains(got, "a<b") {
		t.Errorf("the table is\n%s", got)
	}
}

func TestTheTableOfCostsCountsAScriptOnce(t *testing.T) {
	got := sample().costs.table()
	if !strings.Contains(got, "| a sign-in | 4 | 2 eval, 2 set, 2 zadd | 100 |") {
		t.Errorf("costs are written\n%s", got)
	}
}

// With 20 µs for a write a minute, half a processor carries 1.5 million people; where
// each of them comes to all of a hundred replicas it is a hundredth of that.
func TestTheLimitIsTheTightestBound(t *testing.T) {
	k := sample().costs
	for _, c := range []struct {
		replicas, each float64
		want           bound
	}{
		{1, 1, bound{"the replicas' processors", 20_000}},
		{100, 1, bound{"Redis, which notes activity", 1_500_000}},
		{100, 100, bound{"Redis, which notes activity", 15_000}},
	} {
		if got := tightest(k.bounds(c.replicas, c.each)); got != c.want {
			t.Errorf("%v replicas, each person at %v: %v, want %v", c.replicas, c.each, got, c.want)
		}
	}
	limits := k.limits()
	for _, want := range []string{"| sign-ins a second, Redis | 5,000 |", "| sign-outs a second, Redis | 10,000 | 5,000 | 500 |", "| sessions in 1 GiB of Redis | 1.05 million |"} {
		if !strings.Contains(limits, want) {
			t.Errorf("the limits have no %q:\n%s", want, limits)
		}
	}
}

func TestTheChartIsAnImageForLightAndDark(t *testing.T) {
	got := sample().chart()
	d := xml.NewDecoder(strings.NewReader(got))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, got)
		}
	}
	for _, want := range []string{"prefers-color-scheme: dark", "4.50", "a&lt;b", "stroke-dasharray=\"6 4\"", "µs a request, by connections", ">1,000</text>"} {
		if !strings.Contains(got, want) {
			t.Errorf("the chart has no %q", want)
		}
	}
	for _, not := range []string{"%!", "NaN", "`", "**", "<script"} {
		if strings.Contains(got, not) {
			t.Errorf("the chart has %q:\n%s", not, got)
		}
	}
}

// Each bar ends where its ratio stands on the scale.
func TestBarsAreAsLongAsTheirRatios(t *testing.T) {
	got, _ := drawBars("", []bar{{"one", false, spread{1, 1, 1}}, {"four", true, spread{4, 4, 4}}})
	if !strings.Contains(got, `class="theirs" x="350.0" y="44.0" width="85.0"`) || !strings.Contains(got, `class="ours" x="350.0" y="72.0" width="340.0"`) {
		t.Errorf("bars are drawn\n%s", got)
	}
}

func TestFiguresAreWrittenBetweenTheirMarkersAlone(t *testing.T) {
	const text = "by hand\n<!-- bench: cost -->\nold\n<!-- end -->\nby hand as well\n<!-- bench: waits -->\nkept\n<!-- end -->\n"
	got, err := replace(text, "cost", "new")
	if want := strings.Replace(text, "old", "new", 1); err != nil || got != want {
		t.Errorf("replaced: %q, %v, want %q", got, err, want)
	}
	if _, err := replace(text, "none", "new"); err == nil {
		t.Error("a block that is not there was replaced")
	}
}

// Or `-write` would find out after eight minutes.
func TestThePageHasAPlaceForEveryTable(t *testing.T) {
	root := t.TempDir()
	b, err := os.ReadFile("../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, page), b, 0o644); err != nil {
		t.Fatal(err)
	}
	w := sample()
	if err := w.write(root); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range w.tables() {
		if !strings.Contains(string(written), block) {
			t.Errorf("the page has no %s", name)
		}
	}
	if !strings.Contains(string(b), "("+filepath.Base(chart)+")") {
		t.Error("the page does not show the chart")
	}
}

func TestOthersAreAddedOnTheCommandLine(t *testing.T) {
	o, err := parseOrder([]string{"-quick", "-only", "bare,redis", "-add", "name=oauth2-proxy,url=http://127.0.0.1:4180/,cookie=_oauth2_proxy=a=|1,pid=12+34"})
	if err != nil {
		t.Fatal(err)
	}
	c := o.added[0]
	if c.name != "oauth2-proxy" || c.url != "http://127.0.0.1:4180" || c.cookie != "_oauth2_proxy=a=|1" || !c.gate || len(c.pids) != 2 || c.pids[1] != 34 {
		t.Errorf("added %+v", c)
	}
	if len(o.only) != 2 || o.grown || o.rounds != 1 {
		t.Errorf("ordered %+v", o)
	}
	for _, wrong := range [][]string{{"-add", "name=x,url=http://127.0.0.1:1"}, {"-add", "name=x,port=1"}, {"-write", "-quick"}, {"-write", "-only", "bare"}} {
		if _, err := parseOrder(wrong); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}
