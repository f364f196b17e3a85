package filestore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt/errors"
)

// checkDirectory says what bbolt's "no such file" would leave open: that it is
// the directory which is missing.
func checkDirectory(path string) error {
	if path == "" {
		return errors.New("filestore: the path of the session file is empty")
	}
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return fmt.Errorf("filestore: %s is not a directory; name another path for the session file", dir)
	}
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("filestore: there is no directory %s for the session file; make it with: mkdir -p -m 700 %s", dir, dir)
	}
	return nil // any other trouble shows when the file is opened
}

func explain(path string, err error) error {
	for _, damage := range []error{bolt.ErrInvalid, bolt.ErrVersionMismatch, bolt.ErrChecksum} {
		if errors.Is(err, damage) {
			return fmt.Errorf("filestore: %s is not a session file, or is damaged (%w); move it away, then everybody signs in again", path, err)
		}
	}
	return fmt.Errorf("filestore: %w", err)
}
