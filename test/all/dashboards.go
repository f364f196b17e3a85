package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// dashboards installs exactly what each test/dashboards/testdata/NAME/requirements.txt
// says, once, into an environment of its own: they want different versions of the same
// packages.
func (i *installer) dashboards() error {
	wanted, err := filepath.Glob(filepath.Join(i.dir, "test", "dashboards", "testdata", "*", "requirements.txt"))
	if err != nil {
		return err
	}
	// Two at a time: one waits for the network while the other unpacks.
	turns := make(chan struct{}, 2)
	errs := make([]error, len(wanted))
	var all sync.WaitGroup
	for n, requirements := range wanted {
		turns <- struct{}{}
		name := filepath.Base(filepath.Dir(requirements))
		i.report.note("%d of %d: %s", n+1, len(wanted), name)
		all.Go(func() {
			defer func() { <-turns }()
			if err := i.dashboard(requirements, i.cache.App(name)); err != nil {
				errs[n] = fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
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
