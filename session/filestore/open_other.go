//go:build !unix || aix || solaris

package filestore

import (
	"errors"
	"os"
)

// openPrivate refuses: without Unix permissions we cannot tell who may read the
// file.
func openPrivate(string, int, os.FileMode) (*os.File, error) {
	return nil, errors.New("session files need a Unix system; use another session store")
}
