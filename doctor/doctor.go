// Package doctor looks whether a sidegate is set up well, and says of everything
// that is not what to do about it. A Check is one look at one thing, bounded in
// time; Run makes all of them side by side; a Report shows what they found.
//
// What cannot be looked at is skipped and says why: it never counts as well. No
// finding holds a secret, and what a stranger's server said is cut and cleaned
// before it is shown.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"sidegate/explain"
)

const (
	// checkTime bounds one check, and wholeTime all of them.
	checkTime = 5 * time.Second
	wholeTime = 20 * time.Second
	// maxText bounds what is shown of one finding, in bytes: it may quote a server.
	maxText = 600
)

// Status says how something is. The zero Status is Fault: what nobody looked at is
// not well.
type Status int

// From worst to best.
const (
	Fault   Status = iota // sign-in or the app will not work, or are not safe
	Warning               // it works, and deserves a second look
	Skipped               // nobody could tell
	OK
)

// String is the name in JSON.
func (s Status) String() string { return [...]string{"fault", "warning", "skipped", "ok"}[s] }

// Finding is what one look brought.
type Finding struct {
	Status Status
	Says   string // what is, or why nobody could tell
	Remedy string // what to do; empty where nothing is to be done
}

// Good finds that all is well.
func Good(format string, args ...any) Finding { return Finding{OK, fmt.Sprintf(format, args...), ""} }

// Bad finds a fault.
func Bad(says, remedy string) Finding { return Finding{Fault, says, remedy} }

// Beware finds what deserves a second look.
func Beware(says, remedy string) Finding { return Finding{Warning, says, remedy} }

// Unknown finds that nobody can tell, and why.
func Unknown(format string, args ...any) Finding {
	return Finding{Skipped, fmt.Sprintf(format, args...), ""}
}

// explained is a fault whose remedy stands under its code in package explain.
func explained(says, code, otherwise string) Finding {
	if p, ok := explain.Find(code); ok && len(p.Do) > 0 {
		return Bad(says, strings.Join(p.Do, " "))
	}
	return Bad(says, otherwise)
}

// Check is one look. Look may return several findings, and has to return soon after
// its context is done.
type Check struct {
	Group string // the heading it stands under
	Name  string // stable: scripts go by it
	Look  func(ctx context.Context) []Finding
}

// Simple makes a Check of a look that finds one thing.
func Simple(group, name string, look func(ctx context.Context) Finding) Check {
	return Check{group, name, func(ctx context.Context) []Finding { return []Finding{look(ctx)} }}
}

// Result is a finding with the check that made it.
type Result struct {
	Group, Check string
	Finding
}

// Run makes all checks at once and tells of each in their order, as soon as it and
// those before it are made. It ends early, with an error, when ctx is done.
func Run(ctx context.Context, checks []Check, tell func(Result)) error {
	bounded, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	made := make([]chan []Finding, len(checks))
	for i, c := range checks {
		made[i] = make(chan []Finding, 1) // a look that comes too late has nobody to wait for
		go func() {
			ctx, cancel := context.WithTimeout(bounded, checkTime)
			defer cancel()
			made[i] <- c.Look(ctx)
		}()
	}
	for i, c := range checks {
		var found []Finding
		select {
		case found = <-made[i]:
		case <-time.After(checkTime + time.Second):
			found = []Finding{Unknown("no answer within %v", checkTime)}
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		for _, f := range found {
			f.Says, f.Remedy = printable(f.Says), printable(f.Remedy)
			tell(Result{c.Group, c.Name, f})
		}
	}
	return nil
}

// printable keeps what a server said from steering a terminal.
func printable(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "…"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
