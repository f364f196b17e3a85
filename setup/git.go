package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ignore says when what was written could end up in a git repository, and offers to
// prevent it.
func (s *setup) ignore() {
	var names []string
	paths := []string{s.file.path}
	for _, f := range s.files {
		paths = append(paths, f.path)
	}
	if store, ok := strings.CutPrefix(s.file.get(sessionStore), "file:"); ok && filepath.Dir(store) == s.dir {
		paths = append(paths, store, store+".key")
	}
	for _, path := range paths {
		if wouldCommit(s.dir, path) {
			names = append(names, filepath.Base(path))
		}
	}
	if len(names) == 0 {
		return
	}
	s.head("This folder is a git checkout, and git does not ignore " + strings.Join(names, ", ") + ".")
	if s.Yes {
		s.say("  Add them to .gitignore: they hold secrets.")
		return
	}
	if yes, err := s.confirm("Add them to .gitignore", true); err != nil || !yes {
		return
	}
	if err := addIgnored(filepath.Join(s.dir, ".gitignore"), names); err != nil {
		s.say("  %v", err)
	}
}

// wouldCommit reports whether git would take the file at path. Without git, or outside of
// a checkout, there is nothing to fear. A checkout may come of an archive, with settings
// that somebody else made: git is to start no program of theirs, as it does to learn
// what has changed (core.fsmonitor).
func wouldCommit(dir, path string) bool {
	err := exec.Command("git", "-c", "core.fsmonitor=false", "-C", dir, "check-ignore", "-q", "--", path).Run()
	exit, ok := err.(*exec.ExitError)
	return ok && exit.ExitCode() == 1 // 0: ignored; 128: no checkout
}

// addIgnored adds lines to the file at path, and changes none.
func addIgnored(path string, names []string) error {
	before, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	text := "/" + strings.Join(names, "\n/") + "\n"
	if len(before) > 0 && before[len(before)-1] != '\n' {
		text = "\n" + text
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
