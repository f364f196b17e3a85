package main

import (
	"fmt"
	"slices"
	"strings"
)

const (
	helpColumn = 28 // where the usage says what a command does
	helpWidth  = 88
)

// usage is what sidegate says of all its commands.
func usage() string {
	var b strings.Builder
	b.WriteString("sidegate puts a web app behind sign-in with Google or any OpenID provider.\n\nUsage:\n")
	for _, v := range verbs() {
		v.writeForms(&b)
	}
	b.WriteString(`
"sidegate help COMMAND" says more of each. Settings come from the environment, see
"sidegate settings", and from the file sidegate.env in the working folder;
--env-file FILE names another. For example:

  sidegate demo
  sidegate demo -- streamlit run app.py
  sidegate setup
  sidegate run -- streamlit run app.py
`)
	return b.String()
}

func (v verb) writeForms(b *strings.Builder) {
	for _, f := range v.forms {
		start := "  sidegate " + f.args
		if n := len([]rune(start)); n < helpColumn-1 {
			start += strings.Repeat(" ", helpColumn-n)
		} else {
			start += "\n" + strings.Repeat(" ", helpColumn)
		}
		text := wrapped(f.does, helpWidth-helpColumn)
		fmt.Fprintf(b, "%s%s\n", start, strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", helpColumn)))
	}
}

// help is what sidegate says of one command.
func (v verb) help() string {
	var b strings.Builder
	b.WriteString("Usage:\n")
	v.writeForms(&b)
	if v.more != "" {
		fmt.Fprintf(&b, "\n%s\n", wrapped(v.more, helpWidth))
	}
	b.WriteString("\nFor example:\n\n")
	for _, line := range v.examples {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return b.String()
}

// helpOn is the help on a command, or on all.
func helpOn(names []string) string {
	if len(names) == 0 {
		return usage()
	}
	return verbNamed(names[0]).help()
}

// asksForHelp reports whether the words behind a command ask what it does. What
// stands behind "--" is the app's.
func asksForHelp(args []string) bool {
	if n := slices.Index(args, "--"); n >= 0 {
		args = args[:n]
	}
	return slices.ContainsFunc(args, func(a string) bool { return a == "-h" || a == "-help" || a == "--help" })
}

// wrapped breaks a text into lines of at most width signs, if its words let it.
func wrapped(text string, width int) string {
	var b strings.Builder
	column := 0
	for n, word := range strings.Fields(text) {
		length := len([]rune(word))
		switch {
		case n == 0:
		case column+1+length > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String()
}
