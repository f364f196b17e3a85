package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sidegate/explain"
	"sidegate/proxy/apps"
	"sidegate/test/need"
)

// TestMain lets the shells of these tests call sidegate: it is this very program.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "sidegate" {
		main()
	}
	os.Exit(m.Run())
}

// program returns a folder in which this very program is called sidegate.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "sidegate")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// completed is what each shell has to offer at the end of a line.
func completed() []struct{ line, want string } {
	return []struct{ line, want string }{
		{"sidegate ver", "version"},
		{"sidegate sess", "sessions"},
		{"sidegate recipe streaml", "streamlit"},
		{"sidegate recipe streamlit --c", "--compose"},
		{"sidegate recipe --compose streaml", "streamlit"},
		{"sidegate sessions ", "--help list revoke"},
		{"sidegate sessions list --", "--help --json"},
		{"sidegate sessions revoke --", "--all --help"},
		{"sidegate sessions revoke alice@example.com bob@example.com --a", "--all"},
		{"sidegate risc ", "--help register status verify"},
		{"sidegate completion ", "--help bash fish zsh"},
		{"sidegate help rec", "recipe"},
		{"sidegate run --", "-- --help"},
		{"sidegate demo -", "-- --help"},
	}
}

// inShell runs a script in a shell that finds this program as sidegate, and returns
// the words that it prints.
func inShell(t *testing.T, dir, shell string, args ...string) []string {
	t.Helper()
	cmd := exec.Command(shell, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "TERM=dumb"}
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil || complaint.Len() > 0 {
		t.Fatalf("%s: %v %s", filepath.Base(shell), err, complaint.String())
	}
	words := strings.Fields(string(out))
	slices.Sort(words)
	return words
}

func TestBashCompletes(t *testing.T) {
	bash, dir := need.Program(t, "bash", "bash"), program(t)
	const script = `source <(sidegate completion bash); complete -p sidegate >/dev/null || exit 1
line=$1; read -ra COMP_WORDS <<<"$line"; [[ $line == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _sidegate; printf '%s\n' "${COMPREPLY[@]}"`
	for _, c := range completed() {
		if got := inShell(t, dir, bash, "-c", script, "bash", c.line); strings.Join(got, " ") != c.want {
			t.Errorf("%q completes to %q, want %q", c.line, got, c.want)
		}
	}
	if got := inShell(t, dir, bash, "-c", script, "bash", "sidegate run -- sidega"); !slices.Contains(got, "sidegate") {
		t.Errorf("behind run --, programs are not completed: %q", got)
	}
}

func TestFishCompletes(t *testing.T) {
	fish, dir := need.Program(t, "fish", "fish"), program(t)
	const script = `sidegate completion fish | source; complete --do-complete $argv[1]`
	for _, c := range completed() {
		if got := inShell(t, dir, fish, "-c", script, c.line); strings.Join(got, " ") != c.want {
			t.Errorf("%q completes to %q, want %q", c.line, got, c.want)
		}
	}
	// With what follows an app's command, which fish knows: git has a completion of fish's own.
	if got := inShell(t, dir, fish, "-c", script, "sidegate run -- git comm"); !slices.Contains(got, "commit") {
		t.Errorf("behind run --, an app's own words are not completed: %q", got)
	}
}

// zsh's own part is replaced by words that print what it was given: it works only
// while somebody types.
func TestZshCompletes(t *testing.T) {
	zsh, dir := need.Program(t, "zsh", "zsh"), program(t)
	const script = `compdef() { }; compadd() { print -rl -- ${(P)@[-1]} }; _files() { print files }
_normal() { print -rl -- "normal:$CURRENT" $words }
source <(sidegate completion zsh); words=("${(@s: :)1}"); CURRENT=${#words}; _sidegate`
	for _, c := range completed() {
		// zsh itself picks the words that begin as the one being written.
		var got []string
		begun := c.line[strings.LastIndexByte(c.line, ' ')+1:]
		for _, w := range inShell(t, dir, zsh, "-f", "-c", script, "zsh", c.line) {
			if strings.HasPrefix(w, begun) {
				got = append(got, w)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q completes to %q, want %q", c.line, got, c.want)
		}
	}
	if got := inShell(t, dir, zsh, "-f", "-c", script, "zsh", "sidegate run -- git comm"); strings.Join(got, " ") != "comm git normal:2" {
		t.Errorf("behind run --, zsh is asked for %q; want it to complete `git comm`", got)
	}
	if got := inShell(t, dir, zsh, "-f", "-c", script, "zsh", "sidegate recipe nothing-of-the-kind"); strings.Join(got, " ") != "files" {
		t.Errorf("where nothing is known, zsh is asked for %q, want files", got)
	}
}

func TestEveryCommandAppAndCodeIsCompleted(t *testing.T) {
	for _, v := range verbs() {
		if !slices.Contains(nextWords([]string{""}), v.name) {
			t.Errorf("%s is not completed", v.name)
		}
	}
	for _, a := range apps.All() {
		if !slices.Contains(nextWords([]string{"recipe", ""}), a.Name) {
			t.Errorf("the recipe of %s is not completed", a.Name)
		}
	}
	explained := form{args: "explain CODE"}.next(nil)
	for _, p := range explain.All() {
		if !slices.Contains(explained, p.Code) {
			t.Errorf("the code %s is not completed", p.Code)
		}
	}
}
