package dashboards

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sidegate/proxy/apps"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

// recipe is the command of a preset's recipe, run in a folder with the recipe's files,
// which so are tried as they are given to people. Programs are those in bin; the app
// itself is where source has it.
func recipe(t *testing.T, preset, bin string) (dir string, command []string) {
	t.Helper()
	dir = t.TempDir()
	r := apps.Named(preset).Recipe
	for _, f := range r.Files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), []byte(f.Content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command = []string{"env", "-C", dir}
	for _, word := range r.Command {
		if program := filepath.Join(bin, word); !strings.HasPrefix(word, "app.") && isFile(program) {
			word = program
		} else if strings.HasPrefix(word, "app.") {
			word = source(t, preset, word)
		}
		command = append(command, word)
	}
	return dir, command
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// prepare runs a command that an app wants once before its first start.
func prepare(t *testing.T, dir string, env []string, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%.4000s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
}

// press clicks what reads exactly text, once it is there: frameworks give few names
// that last.
func (d *dashboard) press(p *stage.Tab, text string) { d.t.Helper(); d.dispatch(p, text, "e.click()") }

// hover has the pointer over what reads exactly text.
func (d *dashboard) hover(p *stage.Tab, text string) {
	d.t.Helper()
	d.dispatch(p, text, `for (const type of ["mouseover", "mouseenter"]) e.dispatchEvent(new MouseEvent(type, {bubbles: true}))`)
}

func (d *dashboard) dispatch(p *stage.Tab, text, what string) {
	d.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll("*")].filter(e => e.checkVisibility() && e.innerText?.trim() === %q).at(-1)`, text)
	d.with(p, find, what)
}

// with waits until a JavaScript expression finds an element, and does what to it, as e.
func (d *dashboard) with(p *stage.Tab, find, what string) {
	d.t.Helper()
	script := fmt.Sprintf(`(() => {
		const e = %s
		if (!e) return ""
		%s
		return "done"
	})()`, find, what)
	rig.Eventually(d.t, func() string { return find + " finds nothing\n" + p.State() }, func() bool { return p.Eval(script) == "done" })
}

// waitEval waits until an expression's value holds each of the texts.
func (d *dashboard) waitEval(p *stage.Tab, expression string, wants ...string) {
	d.t.Helper()
	var got string
	rig.Eventually(d.t, func() string { return fmt.Sprintf("%s = %q, want %q in it\n%s", expression, got, wants, p.State()) }, func() bool {
		got = p.Eval(expression)
		return !slices.ContainsFunc(wants, func(want string) bool { return !strings.Contains(got, want) })
	})
}

// waitGone waits until the page does not show text any more.
func (d *dashboard) waitGone(p *stage.Tab, text string) {
	d.t.Helper()
	rig.Eventually(d.t, func() string { return fmt.Sprintf("%q is still there\n%s", text, p.State()) }, func() bool {
		shown := p.Text("body")
		return shown != "" && !strings.Contains(shown, text)
	})
}

// followLogout clicks an app's own way to /_gate/logout and signs out. A page that is
// drawn anew may lose a click, so it is pressed until it leads away.
func (d *dashboard) followLogout(p *stage.Tab, css string) {
	d.t.Helper()
	press := fmt.Sprintf(`document.querySelector(%q)?.click(), ""`, css)
	rig.Eventually(d.t, func() string { return css + " does not sign out\n" + p.State() }, func() bool {
		if strings.Contains(p.Text("main"), "You are signed out") {
			return true
		}
		p.Eval(press)
		return false
	})
	d.wantSignedOut(p)
}

// signInAs signs in as somebody whom the provider does not remember, in a browser where
// it remembers another.
func (d *dashboard) signInAs(p *stage.Tab, account string) {
	d.t.Helper()
	p.Open(d.gate.URL + "/_gate/login?rd=%2F_gate%2F&prompt=select_account")
	p.SignIn(account)
	p.WaitText("main", account)
}
