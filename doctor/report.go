package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Look is how a Report is drawn.
type Look struct {
	Colour bool // on a terminal that wants it
	ASCII  bool // where the locale has no UTF-8
}

// width is where lines are broken, in characters.
const width = 100

// Report prints results as they come, and counts them.
type Report struct {
	out    io.Writer
	look   Look
	group  string // of the line before
	counts [OK + 1]int
}

// NewReport returns a Report that prints for people.
func NewReport(out io.Writer, look Look) *Report { return &Report{out: out, look: look} }

// groupWidth and nameWidth are those of the first two columns.
const groupWidth, nameWidth = 11, 15

// Tell prints one result: a line, and one more with what to do.
func (r *Report) Tell(res Result) {
	r.counts[res.Status]++
	group := res.Group
	if group == r.group {
		group = ""
	}
	r.group = res.Group
	head := fmt.Sprintf("%-*s%s %-*s ", groupWidth, group, r.mark(res.Status), nameWidth, res.Check)
	says := res.Says
	if res.Status == Skipped {
		says = "skipped: " + says
	}
	indent := groupWidth + 2 + nameWidth + 1
	if res.Status == OK { // nobody has to read it to its end; JSON has it whole
		says = cut(says, width-indent)
	}
	fmt.Fprintln(r.out, head+wrapped(r.plain(says), indent))
	if res.Remedy != "" {
		arrow := "→ "
		if r.look.ASCII {
			arrow = "> "
		}
		fmt.Fprintln(r.out, strings.Repeat(" ", indent)+arrow+wrapped(r.plain(res.Remedy), indent+2))
	}
}

// End prints what all of it comes to.
func (r *Report) End() {
	fmt.Fprintln(r.out, r.summary())
}

func (r *Report) summary() string {
	warnings, skipped := counted(r.counts[Warning], "warning"), counted(r.counts[Skipped], "check")+" skipped"
	switch {
	case r.counts[Fault] > 0:
		return counted(r.counts[Fault], "fault") + " and " + warnings + ": the lines marked " + r.bare(Fault) + " keep people from the app, or let the wrong ones in"
	case r.counts[Warning] > 0:
		return "everything works, with " + warnings + "; " + skipped
	case r.counts[Skipped] > 0:
		return "nothing wrong was found; " + skipped
	}
	return "everything is in order"
}

// Healthy reports whether no fault was told.
func (r *Report) Healthy() bool { return r.counts[Fault] == 0 }

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// bare is the mark of a status.
func (r *Report) bare(s Status) string {
	if r.look.ASCII {
		return [...]string{"x", "!", "-", "+"}[s]
	}
	return [...]string{"✗", "!", "–", "✓"}[s]
}

func (r *Report) mark(s Status) string {
	if !r.look.Colour {
		return r.bare(s)
	}
	return [...]string{"\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[32m"}[s] + r.bare(s) + "\x1b[0m"
}

// plain writes what the locale can show.
func (r *Report) plain(s string) string {
	if !r.look.ASCII {
		return s
	}
	return strings.Map(func(c rune) rune {
		if c > '~' {
			return '?'
		}
		return c
	}, strings.ReplaceAll(s, "…", "..."))
}

// cut keeps the first n characters.
func cut(s string, n int) string {
	if c := []rune(s); len(c) > n {
		return string(c[:n-1]) + "…"
	}
	return s
}

// wrapped breaks s between words where a line would pass width, and indents what
// follows. A word is never cut: addresses and commands are there to be copied.
func wrapped(s string, indent int) string {
	var b strings.Builder
	at := indent
	for i, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}

// JSON is what scripts are told: whether all is well, and each result.
type JSON struct {
	Healthy bool   `json:"healthy"`
	Checks  []Line `json:"checks"`
}

// Line is one result.
type Line struct {
	Check  string `json:"check"`
	Group  string `json:"group"`
	Status string `json:"status"`
	Says   string `json:"says"`
	Remedy string `json:"remedy,omitempty"`
}

// WriteJSON prints results for scripts.
func WriteJSON(out io.Writer, results []Result) (healthy bool, err error) {
	all := JSON{Healthy: true, Checks: []Line{}}
	for _, r := range results {
		all.Healthy = all.Healthy && r.Status != Fault
		all.Checks = append(all.Checks, Line{r.Check, r.Group, r.Status.String(), r.Says, r.Remedy})
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return all.Healthy, e.Encode(all)
}
