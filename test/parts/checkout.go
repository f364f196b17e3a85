package parts

import (
	"io/fs"
	"path/filepath"
)

// Checkout returns the root of the module, for a test two folders below it.
//
// It looks into every folder on the way: `go test` takes a result from its cache
// unless something changed that the test looked at, and it cannot know that these
// tests build the program themselves.
func Checkout() (string, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return "", err
	}
	return root, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == ".git" {
			return filepath.SkipDir
		}
		return err
	})
}
