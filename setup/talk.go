package setup

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// talk asks and says. It can be left at any question.
type talk struct {
	ctx   context.Context
	out   io.Writer
	lines <-chan string // closed at the end of the input
}

// newTalk reads lines of in as they are asked for. The goroutine that reads stays until
// in ends: a read from a terminal cannot be called off.
func newTalk(ctx context.Context, in io.Reader, out io.Writer) *talk {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for r := bufio.NewScanner(in); r.Scan(); {
			select {
			case lines <- r.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return &talk{ctx: ctx, out: out, lines: lines}
}

func (t *talk) say(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

func (t *talk) head(text string) { t.say("\n%s", text) }

// question returns a line, without what surrounds it; an empty one is the default.
func (t *talk) question(text, otherwise string) (string, error) {
	if otherwise != "" {
		text += " [" + otherwise + "]"
	}
	fmt.Fprintf(t.out, "  %s: ", text)
	select {
	case <-t.ctx.Done():
	case line, ok := <-t.lines:
		if ok && t.ctx.Err() == nil {
			if line = strings.TrimSpace(line); line == "" {
				line = otherwise
			}
			return line, nil
		}
	}
	t.say("")
	return "", ErrStopped
}

// confirm asks for yes or no.
func (t *talk) confirm(text string, otherwise bool) (bool, error) {
	hint := "y/N"
	if otherwise {
		hint = "Y/n"
	}
	for {
		line, err := t.question(text+"? ("+hint+")", "")
		if err != nil {
			return false, err
		}
		switch strings.ToLower(line) {
		case "":
			return otherwise, nil
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
	}
}

// number asks for one of n things, counted from 1; otherwise is the default.
func (t *talk) number(text string, n, otherwise int) (int, error) {
	for {
		line, err := t.question(text, strconv.Itoa(otherwise))
		if err != nil {
			return 0, err
		}
		if i, err := strconv.Atoi(line); err == nil && 1 <= i && i <= n {
			return i, nil
		}
		t.say("  A number from 1 to %d.", n)
	}
}
