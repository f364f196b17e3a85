// Package explain holds what sidegate says of everything that can go wrong: one
// text for each code, the same on our error pages, from `sidegate doctor` and from
// `sidegate explain CODE`.
//
// Every text is public: it says nothing of one installation, so that it can stand on a
// page that anybody can bring up. A test reads the source and fails when a code that
// sidegate emits has no text here.
package explain

import (
	"slices"
	"strings"
)

// Problem is one thing that goes wrong, under the code that people see and search for.
type Problem struct {
	Code  string   // as the provider or sidegate shows it: "redirect_uri_mismatch"
	Where string   // who shows it: "Google's page", "sidegate's page", "the log"
	Means string   // one sentence: what happened
	Do    []string // what to do, the likeliest first; one sentence each

	Operator bool // whoever runs the site can do something about it: it stands on the error page
	Answer   bool // a provider may send the browser back to us with it, as error=CODE
}

// Find returns what is known of a code, in any case and with "-" or " " for "_".
func Find(code string) (Problem, bool) {
	want := fold(code)
	for _, p := range All() {
		if p.Code == want {
			return p, true
		}
	}
	return Problem{}, false
}

// All returns every problem there is, grouped by who shows it.
func All() []Problem {
	return slices.Concat(provider(), signIn(), app(), operation())
}

// Nearest returns the code that is most like one that is not known.
func Nearest(code string) string {
	var known []string
	for _, p := range All() {
		known = append(known, p.Code)
	}
	return NearestOf(fold(code), known)
}

// NearestOf returns the known word that takes the fewest changes to get to; the first of
// several.
func NearestOf(word string, known []string) string {
	best, least := "", -1
	for _, k := range known {
		if d := distance(word, k); least < 0 || d < least {
			best, least = k, d
		}
	}
	return best
}

func fold(code string) string {
	return strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(strings.TrimSpace(code)))
}

// distance is Levenshtein's: how many bytes to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
