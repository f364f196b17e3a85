package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"sidegate/explain"
)

// explainCommand: sidegate explain [CODE]. Without CODE it lists all there are.
func explainCommand(args []string, to streams) error {
	if len(args) == 0 {
		listProblems(to.out)
		return nil
	}
	code := strings.Join(args, " ")
	p, ok := explain.Find(code)
	if !ok {
		fmt.Fprintf(to.err, "sidegate: there is no code %.100q. The nearest is %s; \"sidegate explain\" lists all.\n", code, explain.Nearest(code))
		return exitCode(2)
	}
	printProblem(to.out, p)
	return nil
}

func listProblems(w io.Writer) {
	width := 0
	for _, p := range explain.All() {
		width = max(width, len(p.Code))
	}
	for _, p := range explain.All() {
		fmt.Fprintf(w, "%-*s  %s\n", width, p.Code, p.Means)
	}
}

func printProblem(w io.Writer, p explain.Problem) {
	fmt.Fprintf(w, "%s\n\n%s\nSeen: %s.\n\nWhat to do:\n", p.Code, fill(p.Means, ""), p.Where)
	for _, do := range p.Do {
		fmt.Fprintf(w, "- %s\n", fill(do, "  "))
	}
}

// lineWidth is what a terminal shows at least.
const lineWidth = 78

// fill breaks a text into lines, the second and later ones indented. Words are never
// broken: an address has to stay one.
func fill(text, indent string) string {
	var b strings.Builder
	at := len(indent)
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > lineWidth:
			b.WriteString("\n" + indent)
			at = len(indent)
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}
