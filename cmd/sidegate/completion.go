package main

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sidegate/explain"
	"sidegate/proxy/apps"
)

//go:embed completions
var completionFiles embed.FS

func shells() []string { return []string{"bash", "fish", "zsh"} }

// completes reads "SHELL" and "words -- …", by which the scripts ask what may come
// next: so it is the same in every shell, and never older than the program.
func completes(args []string) bool {
	if len(args) > 1 && args[0] == "words" {
		return args[1] == "--" // what follows is not for this command: it may be --help
	}
	return len(args) == 1 && slices.Contains(shells(), args[0])
}

// completionCommand: sidegate completion SHELL, or words -- WORD…, the last of which is
// being written.
func completionCommand(args []string, to streams) error {
	if args[0] == "words" {
		for _, w := range nextWords(args[2:]) {
			fmt.Fprintln(to.out, w)
		}
		return nil
	}
	script, err := completionFiles.ReadFile("completions/" + args[0])
	if err != nil {
		return err
	}
	_, err = to.out.Write(script)
	return err
}

// nextWords returns what may stand at the last of the words behind "sidegate", as far
// as it is written. Behind "--" it is the app's command, of which shells know more.
func nextWords(words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	before, begun := words[:len(words)-1], words[len(words)-1]
	if slices.Contains(before, "--") {
		return nil
	}
	var all []string
	if len(before) == 0 {
		all = append(verbNames(), "--help", "--version")
	} else if v := verbNamed(before[0]); v.run != nil {
		for _, f := range v.forms {
			all = append(all, f.next(before[1:])...)
		}
		all = append(all, "--help")
	}
	all = slices.DeleteFunc(all, func(w string) bool { return !strings.HasPrefix(w, begun) || slices.Contains(before, w) })
	slices.Sort(all)
	return slices.Compact(all)
}

// next returns what this form allows behind the words that follow the command.
func (f form) next(before []string) []string {
	flags := regexp.MustCompile(`--[a-z-]+`).FindAllString(f.args, -1)
	var places [][]string // what may stand at the first, the second, … word that is no flag
	for _, word := range strings.Fields(f.args)[1:] {
		if name := strings.Trim(word, "[]…"); !strings.HasPrefix(name, "--") {
			places = append(places, meant(name))
		} else if name == "--" {
			flags = append(flags, "--")
			break
		}
	}
	at := 0
	for _, w := range before {
		if strings.HasPrefix(w, "-") {
			continue
		}
		if at < len(places) && places[at] != nil && !slices.Contains(places[at], w) {
			return nil // another form's
		}
		at++
	}
	if at >= len(places) {
		return flags
	}
	// A word that stands for itself says which form it is, so it comes first.
	if len(places[at]) == 1 {
		return places[at]
	}
	return append(places[at], flags...)
}

// meant returns the words that one of a form stands for; nil: there is no saying.
func meant(word string) (all []string) {
	switch word {
	case "APP":
		for _, a := range apps.All() {
			all = append(all, a.Name)
		}
	case "CODE":
		for _, p := range explain.All() {
			all = append(all, p.Code)
		}
	case "COMMAND":
		all = verbNames()
	case "SHELL":
		all = shells()
	default:
		if word == strings.ToLower(word) {
			all = []string{word}
		}
	}
	return all
}

func verbNames() []string {
	var all []string
	for _, v := range verbs() {
		all = append(all, v.name)
	}
	return all
}
