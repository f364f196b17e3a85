package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// dashboards installs exactly what each test/dashboards/testdata/NAME/requirements.txt
// says, once, into an environment of its own: they want different versions of the same
// packages.
func (i *installer) dashboards() error {
	wanted, err := filepath.Glob(filepath.Join(i.dir, "test", "dashboards", "testdata", "*", "requirements.txt"))
	if err != nil {
		return err
	}
	for n, requirements := range wanted {
		name := filepath.Base(filepath.Dir(requirements))
		i.report.note("%d of %d: %s", n+1, len(wanted), name)
		if err := i.dashboard(requirements, i.cache.App(name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (i *installer) dashboard(requirements, venv string) error {
	want, err := os.ReadFile(filepath.Clean(requirements))
	if err != nil {
		return err
	}
	stamp := filepath.Join(venv, "installed-requirements.txt")
	if got, err := os.ReadFile(filepath.Clean(stamp)); err == nil && bytes.Equal(got, want) {
		return nil
	}
	if err := i.quiet(i.python(), "-m", "venv", "--clear", venv); err != nil {
		return err
	}
	if err := i.quiet(filepath.Join(venv, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", requirements); err != nil {
		return err
	}
	return os.WriteFile(stamp, want, 0o644)
}
