package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The pages and recipes are the same with the overlay: their own tests pass. And it does
// what it is for: a method that a template names is not found.
func TestTheOverlayTakesMethodsAndNothingElse(t *testing.T) {
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	if err := write(overlay); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(overlay); err != nil || !strings.Contains(string(content), "exec.go") {
		t.Fatalf("the overlay replaces nothing: %s, %v", content, err)
	}
	for _, args := range [][]string{
		{"sidegate/web"},
		{"sidegate/cmd/sidegate", "-run=Recipe"},
	} {
		out, err := exec.Command("go", append([]string{"test", "-count=1", "-overlay=" + overlay}, args...)...).CombinedOutput()
		if err != nil {
			t.Errorf("with the overlay: %v\n%s", err, out)
		}
	}
	program := filepath.Join(t.TempDir(), "main.go")
	const source = `package main
import ("html/template"; "os"; "time")
func main() { if template.Must(template.New("").Parse("{{.IsZero}}")).Execute(os.Stdout, time.Now()) == nil { os.Exit(7) } }
`
	if err := os.WriteFile(program, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "run", "-overlay="+overlay, program).CombinedOutput(); err != nil {
		t.Errorf("a template calls a method all the same: %v %s", err, out)
	}
}
