package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

func TestEveryCommandHasHelpWithExamples(t *testing.T) {
	for _, v := range verbs() {
		code, help, _ := do(v.name, "--help")
		if code != 0 || help != v.help() || len(v.examples) == 0 || v.forms[0].does == "" {
			t.Errorf("sidegate %s --help: code %d, %q", v.name, code, help)
		}
		if code, same, _ := do("help", v.name); code != 0 || same != help {
			t.Errorf("sidegate help %s says %q, and --help %q", v.name, same, help)
		}
		for _, form := range v.forms {
			if !strings.HasPrefix(strings.Trim(form.args, "[]"), v.name) {
				t.Errorf("a form of %s begins otherwise: %q", v.name, form.args)
			}
			if !strings.Contains(usage(), "  sidegate "+form.args) {
				t.Errorf("the usage lacks %q", form.args)
			}
		}
	}
	for _, flag := range []string{"help", "-h", "--help"} {
		if code, out, _ := do(flag); code != 0 || out != usage() {
			t.Errorf("sidegate %s: code %d, %q", flag, code, out)
		}
	}
}

// What stands behind "--" is the app's, its --help too.
func TestTheAppsHelpIsTheApps(t *testing.T) {
	settings(t, runnable()...)
	if code, out, err := do("run", "--", "sh", "-c", "exit 9", "--help"); code != 9 || strings.Contains(out, "Usage") {
		t.Errorf("code %d, %q, %q", code, out, err)
	}
}

// The examples are commands that sidegate takes, and a shell reads.
func TestExamplesAreCommandsThatWork(t *testing.T) {
	of := regexp.MustCompile(`(?:^|[ (])sidegate((?: [^ )>|&#]+)*)`)
	for _, v := range verbs() {
		for _, line := range v.examples {
			if out, err := exec.Command("bash", "-n", "-c", line).CombinedOutput(); err != nil {
				t.Errorf("%s: %q is no line for a shell: %s", v.name, line, out)
			}
			found := of.FindStringSubmatch(line)
			if found == nil {
				t.Errorf("%s: its example does not call sidegate: %q", v.name, line)
				continue
			}
			if called, rest := splitCommand(strings.Fields(found[1])); called.name != v.name || !called.fits(rest) {
				t.Errorf("%s: its example is refused: %q", v.name, line)
			}
		}
	}
}

func TestHelpFitsATerminal(t *testing.T) {
	for _, v := range verbs() {
		text := v.help()
		text, _, _ = strings.Cut(text, "\nFor example:")
		for line := range strings.Lines(text) {
			if len([]rune(line)) > helpWidth+1 {
				t.Errorf("%s: a line of its help is too wide: %q", v.name, line)
			}
		}
	}
}
