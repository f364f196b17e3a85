package setup

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
)

// newFile is a file that is going to be written.
type newFile struct {
	path    string
	content []byte
	what    string // in words
}

// write replaces the file whole, readable to its owner alone from the first moment.
func (f newFile) write() error {
	temp, err := os.CreateTemp(filepath.Dir(f.path), ".sidegate-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	defer os.Remove(temp.Name()) // of no use once it has its name
	err = temp.Chmod(0o600)      // with some umasks not even we could read it
	if err == nil {
		_, err = temp.Write(f.content)
	}
	if err == nil {
		err = temp.Sync()
	}
	if closed := temp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp.Name(), f.path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return nil
}

// newSecret returns 256 random bits as text.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return base64.StdEncoding.EncodeToString(b)
}
