package main

import (
	"fmt"
	"slices"
	"strings"

	"sidegate/config"
)

// misused says in a sentence what is wrong with the words behind a command, where people
// are known to go wrong, and otherwise only that they do not fit.
func (v verb) misused(args []string) string {
	says := fmt.Sprintf("%s cannot be used as %q", v.name, strings.Join(append([]string{v.name}, args...), " "))
	if !slices.Contains([]string{"run", "demo", "doctor"}, v.name) {
		return says
	}
	switch {
	case v.name == "run" && len(args) == 0, len(args) > 0 && args[len(args)-1] == "--":
		return says + ": it needs the command that starts your app, as in sidegate " + v.name + " -- streamlit run app.py"
	case !strings.HasPrefix(args[0], "-"):
		return says + ": put -- before your app's command, sidegate " + v.name + " -- " + strings.Join(args, " ")
	}
	return says
}

// unknownCommand says what to do about a word that is no command. The usage would push it
// off the screen.
func unknownCommand(args []string) string {
	says := fmt.Sprintf("unknown command %q; sidegate help lists what there is", args[0])
	if len(args) > 1 && !strings.HasPrefix(args[0], "-") {
		says += ". To start an app and stand in front of it: sidegate run -- " + strings.Join(args, " ")
	}
	return says
}

// nothingSet reports whether these are the faults of somebody who has not begun: neither
// who signs people in is set, nor who may enter.
func nothingSet(err error) bool {
	forgotten := func(name string) bool {
		return slices.ContainsFunc(config.Faults(err), func(f *config.Fault) bool { return f.Name == name && missing(f) })
	}
	return forgotten("SIDEGATE_CLIENT_ID") && forgotten("SIDEGATE_ALLOWED_DOMAINS")
}
