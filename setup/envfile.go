package setup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// envFile is an env file as it is to be. Lines that nothing is set on stay as they are.
type envFile struct {
	path  string
	lines []string
}

const firstLines = `# Settings of sidegate, one NAME=VALUE a line, without quotes. "sidegate settings" lists
# all there are; "sidegate setup" may be run again and keeps what it does not know.`

// openEnvFile reads the file at path; where there is none, it is a new one. A link is
// followed, so that it is not replaced by a file.
func openEnvFile(path string) (*envFile, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &envFile{path, strings.Split(firstLines, "\n")}, nil
	case err != nil:
		return nil, err
	}
	text := strings.TrimRight(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n")
	return &envFile{path, strings.Split(text, "\n")}, nil
}

// at returns the line that sets name, -1 for none.
func (f *envFile) at(name string) int {
	return slices.IndexFunc(f.lines, func(line string) bool {
		key, _, ok := strings.Cut(strings.TrimSpace(line), "=")
		return ok && key == name
	})
}

func (f *envFile) get(name string) string {
	if i := f.at(name); i >= 0 {
		_, value, _ := strings.Cut(f.lines[i], "=")
		return strings.TrimSpace(value)
	}
	return ""
}

// set changes the line that sets name, adds one, or takes it out when value is empty.
func (f *envFile) set(name, value string) {
	switch i := f.at(name); {
	case value == "" && i >= 0:
		f.lines = slices.Delete(f.lines, i, i+1)
	case value == "":
	case i >= 0:
		f.lines[i] = name + "=" + value
	default:
		f.lines = append(f.lines, name+"="+value)
	}
}

func (f *envFile) text() []byte { return []byte(strings.Join(f.lines, "\n") + "\n") }
