package main

import (
	"log/slog"
	"os"

	"sidegate/config"
)

// newLogger returns the log, and its lines if they may wait: for a file or a pipe, not
// for a person at a terminal.
func newLogger(c config.Log, to streams) (*slog.Logger, *heldLines) {
	options := &slog.HandlerOptions{Level: c.Level}
	terminal := isTerminal(to.err)
	text := c.Format == "text" || c.Format == "" && terminal
	out, lines := to.err, (*heldLines)(nil)
	if _, ok := to.err.(*os.File); ok && !terminal {
		lines = &heldLines{to: to.err}
		out = lines
	}
	handler := slog.Handler(slog.NewJSONHandler(out, options))
	if text {
		handler = slog.NewTextHandler(out, options)
	}
	if lines != nil {
		handler = holding{handler, lines, !text}
	}
	return slog.New(handler), lines
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull) // a character device too, and nobody reads there
	return err != nil || !os.SameFile(info, null)
}
