package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"sidegate/test/parts"
)

// Binary is the program, built when the first test needs it. Remove it at the end
// of TestMain.
type Binary struct {
	once sync.Once
	dir  string // where it lies; empty: not built
	err  error
}

// Path returns where the program is.
func (b *Binary) Path(t testing.TB) string {
	t.Helper()
	b.once.Do(b.build)
	if b.err != nil {
		t.Fatal(b.err)
	}
	return filepath.Join(b.dir, "sidegate")
}

// Remove takes away what was built.
func (b *Binary) Remove() { os.RemoveAll(b.dir) }

func (b *Binary) build() {
	if _, b.err = parts.Checkout(); b.err != nil {
		return
	}
	if b.dir, b.err = os.MkdirTemp("", "sidegate-test-"); b.err != nil {
		return
	}
	// As it is released, so that this is what people run, and built only once.
	cmd := exec.Command("go", "build", "-trimpath", "-o", b.dir, "sidegate/cmd/sidegate")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.err = fmt.Errorf("go build: %w\n%s", err, out)
	}
}
