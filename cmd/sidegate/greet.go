package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"sidegate/config"
	"sidegate/proxy/apps"
)

// greeter says at the start what somebody has to know: as a block to people at a
// terminal, as log records to everybody else.
type greeter struct {
	screen bool // to is a terminal, and the log there is text
	colour bool
	to     streams
	log    *slog.Logger
}

func (s *server) greeter(to streams) greeter {
	screen := isTerminal(to.err) && s.config.Log.Format != "json"
	// https://no-color.org; a terminal without any says that it is dumb.
	colour := screen && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return greeter{screen, colour, to, s.log}
}

// greet says what is in force. command is what was started, if anything was.
func (s *server) greet(to streams, command []string) {
	g, c := s.greeter(to), s.config
	if g.screen {
		g.block(summary(c, command), c.Warnings())
		return
	}
	s.log.Info("sidegate", "open", c.Public.String(), "redirect_uri", strings.Join(redirectURIs(c), " "),
		"app", c.Upstream.String(), "preset", c.Proxy.App, "may_enter", whoMayEnter(c.Access), "sessions", string(c.Session.Store.Kind),
		"restart", afterRestart(c.Session.Store.Kind), "private", c.AdminListen, "env_file", c.EnvFile)
	for _, warning := range c.Warnings() {
		s.log.Warn(warning)
	}
}

// row is one line of the block.
type row struct{ label, value string }

func summary(c config.Config, command []string) []row {
	app := showApp(c)
	if len(command) > 0 {
		app = strings.Join(command, " ") + ", at " + app
	}
	rows := []row{
		{"Open", c.Public.String()},
		{"Redirect URI", strings.Join(redirectURIs(c), ", ")},
		{"May enter", whoMayEnter(c.Access)},
		{"Sessions", showStore(c.Session.Store)},
		{"App", app},
		{"Private", "http://" + c.AdminListen + " (health, metrics, sessions)"},
	}
	if c.EnvFile != "" {
		rows = append(rows, row{"Settings", c.EnvFile + ", and the environment"})
	}
	return rows
}

func showApp(c config.Config) string {
	kind := "any web app"
	switch named := apps.Named(c.Proxy.App); {
	case c.Proxy.App == "auto":
		kind = "not known yet"
	case named.Title != "":
		kind = named.Title
	}
	at := c.Upstream.String()
	if c.Upstream.Scheme == "unix" {
		at = "unix:" + c.Upstream.Path
	}
	return at + " (" + kind + ")"
}

// showStore leaves what a restart does to sessions in memory to the warning about it.
func showStore(s config.Store) string {
	switch s.Kind {
	case config.StoreFile:
		return "in " + s.Path + ": " + afterRestart(s.Kind)
	case config.StoreRedis:
		return "in Redis: " + afterRestart(s.Kind)
	}
	return "in memory"
}

func afterRestart(kind config.StoreKind) string {
	if kind == config.StoreMemory {
		return "a restart logs everyone out"
	}
	return "a restart logs nobody out"
}

const (
	bold   = "\x1b[1m"
	yellow = "\x1b[33m"
	red    = "\x1b[1;31m"
	plain  = "\x1b[0m"
)

// paint returns text in a colour, where there are colours.
func (g greeter) paint(colour, text string) string {
	if !g.colour || colour == "" {
		return text
	}
	return colour + text + plain
}

// block prints rows and warnings; the first row is the address to open.
func (g greeter) block(rows []row, warnings []string) {
	var b strings.Builder
	b.WriteString("\n")
	for i, r := range rows {
		colour := ""
		if i == 0 {
			colour = bold
		}
		b.WriteString(g.line(r, colour))
	}
	for _, w := range warnings {
		b.WriteString(g.line(row{"Mind", w}, yellow))
	}
	b.WriteString(g.line(row{"Stop", "Ctrl-C"}, "") + "\n")
	fmt.Fprint(g.to.err, b.String())
}

const labelWidth = 16

func (g greeter) line(r row, colour string) string {
	value := fill(r.value, strings.Repeat(" ", labelWidth))
	return fmt.Sprintf("  %-*s%s\n", labelWidth-2, r.label, g.paint(colour, value))
}

// starting says that the app is on its way, and after a while that it still is.
func (g greeter) starting(at string, since time.Duration) {
	since = since.Round(time.Second)
	if !g.screen {
		g.log.Info("the app is starting", "at", at, "for", since)
		return
	}
	says := "the app; browsers that come already wait on a page of ours"
	if since > 0 {
		says = "the app, for " + since.String() + " now"
	}
	fmt.Fprint(g.to.err, g.line(row{"Starting", says}, ""))
}

// ready says that the app answers, and where to go.
func (g greeter) ready(at, open string, after time.Duration) {
	after = after.Round(time.Millisecond)
	if !g.screen {
		g.log.Info("the app answers", "at", at, "after", after, "open", open)
		return
	}
	fmt.Fprint(g.to.err, g.line(row{"Ready", "open " + open + " (the app took " + after.String() + ")"}, bold)+"\n")
}

// ended says that the app went by itself, which ends us too.
func (g greeter) ended(c *child) {
	select {
	case <-c.done:
	default:
		return // it was us who broke
	}
	if !g.screen {
		g.log.Info("the app has ended by itself", "code", c.code)
		return
	}
	says := fmt.Sprintf("the app has ended by itself, with code %d, and sidegate with it", c.code)
	if c.code != 0 {
		says += "; what it said stands above"
	}
	fmt.Fprint(g.to.err, g.line(row{"Ended", says}, bold))
}

func whoMayEnter(a config.Access) string {
	if a.Anyone {
		return "every account of the provider"
	}
	var parts []string
	for _, d := range a.Domains {
		parts = append(parts, "@"+d)
	}
	if n := len(a.Emails); n > 0 {
		parts = append(parts, fmt.Sprintf("%d listed e-mail(s)", n))
	}
	if n := len(a.Groups); n > 0 {
		parts = append(parts, fmt.Sprintf("members of %d group(s)", n))
	}
	if a.EmailsFile != "" {
		parts = append(parts, "the e-mails in "+a.EmailsFile)
	}
	return cmp.Or(strings.Join(parts, ", "), "nobody")
}
