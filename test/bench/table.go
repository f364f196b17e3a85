package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// markdown writes a table.
func markdown(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	line(slices.Repeat([]string{"---"}, len(head)))
	for _, r := range rows {
		line(r)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// column is one of a table of candidates.
type column struct {
	head  string
	value func(name string) string
}

// ratioTo compares with the bare proxy; value is the figure itself.
func (w written) ratioTo(k kind) func(string) string {
	return func(name string) string { return w.figures.ratio(k, name).write(times) }
}

func (w written) value(k kind) func(string) string {
	return func(name string) string { return short(w.figures.of(k, name).median) }
}

func (w written) valueSpread(k kind) func(string) string {
	return func(name string) string { return w.figures.of(k, name).write(short) }
}

// table has a row for each candidate of which a column says something.
func (w written) table(columns ...column) string {
	head := []string{""}
	for _, c := range columns {
		head = append(head, c.head)
	}
	var rows [][]string
	for _, c := range w.all {
		row, says := []string{c.title}, false
		for _, col := range columns {
			value := col.value(c.name)
			row, says = append(row, value), says || value != "–"
		}
		if says {
			rows = append(rows, row)
		}
	}
	return markdown(head, rows)
}

// machine says where and how the figures were taken.
func (w written) machine() string {
	return fmt.Sprintf("Measured on %s: %d processors (%s), %s, %d rounds, %s in all.",
		time.Now().Format("2 January 2006"), runtime.NumCPU(), processor(), runtime.Version(), w.rounds, w.took.Round(time.Second))
}

// processor is what the machine's is called.
func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return runtime.GOARCH
}

func (w written) costTable() string {
	return w.table(
		column{"processor time for a request, flat out", w.ratioTo(cpuFlat)},
		column{"µs", w.value(cpuFlat)},
		column{"at 1,000 a second", w.ratioTo(cpuPaced)},
		column{"µs", w.value(cpuPaced)},
		column{"requests a second", w.ratioTo(rateFlat)},
	)
}

func (w written) waitTable() string {
	return w.table(
		column{"half are answered within", w.valueSpread(waitHalf)},
		column{"99 of 100 within", w.valueSpread(waitMost)},
	)
}

func (w written) transferTable() string {
	return w.table(
		column{"processor time for 1 MiB", w.ratioTo(cpuLarge)},
		column{"MiB a second", w.value(rateLarge)},
		column{"processor time for 200 MiB", w.ratioTo(cpuHuge)},
		column{"MiB a second", w.value(rateHuge)},
	)
}

func (w written) socketTable() string {
	return w.table(
		column{"processor time for a message to and fro", w.ratioTo(cpuTalk)},
		column{"half take, µs", w.value(talkHalf)},
		column{"99 of 100, µs", w.value(talkMost)},
		column{"KiB for one that sleeps", w.valueSpread(sleeping)},
	)
}

func (w written) startTable() string {
	return w.table(
		column{"ms from the start to the first answer", w.valueSpread(rising)},
		column{"MiB when idle", w.value(idle)},
	)
}

func (w written) signInTable() string {
	return w.table(
		column{"sign-ins a second", w.valueSpread(signIns)},
		column{"ms of a processor for each", w.valueSpread(cpuSignIn)},
	)
}

// growthTables has one table for each curve.
func growthTables(curves []curve) string {
	var tables []string
	for _, c := range curves {
		head := []string{c.what}
		for _, n := range c.at {
			head = append(head, thousands(float64(n)))
		}
		var rows [][]string
		for _, l := range c.lines {
			row := []string{l.title + ", µs"}
			for _, s := range l.cost {
				row = append(row, s.write(short))
			}
			rows = append(rows, row)
		}
		tables = append(tables, markdown(head, rows))
	}
	return strings.Join(tables, "\n\n")
}
