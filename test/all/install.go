package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sidegate/test/parts"
)

// installer brings what is missing, and nothing else.
type installer struct {
	shell
	report *report
	cache  parts.Cache
}

func (i *installer) all() error {
	for _, s := range []struct {
		name string
		do   func() error
	}{
		{"install programs (Debian)", i.programs},
		{"install Streamlit (PyPI)", i.streamlit},
		{"install the other dashboards (PyPI)", i.dashboards},
		{"install PyJWT (PyPI)", i.pyjwt},
		{"install Google's API client (PyPI)", i.youtube},
		{"install the second OpenID provider (npm)", i.provider},
		{"install axe-core (npm)", i.axe},
	} {
		if err := i.report.step(s.name, s.do); err != nil {
			return errors.New("cannot install what the tests need; -no-install runs them with what is there")
		}
	}
	return nil
}

// programs installs the Debian packages of all programs that are missing.
func (i *installer) programs() error {
	packages := i.missing()
	if len(packages) == 0 {
		i.report.note("all there")
		return nil
	}
	i.report.note("apt-get install %s", strings.Join(packages, " "))
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("this is not Debian: install the like of %s by hand", strings.Join(packages, " "))
	}
	if err := i.asRoot("apt-get", "update", "-qq"); err != nil {
		return err
	}
	if err := i.asRoot("apt-get", append([]string{"install", "-qq", "--yes", "--no-install-recommends"}, packages...)...); err != nil {
		return err
	}
	return i.stopServices(packages)
}

// stopServices ends the servers that came with packages just installed: where systemd
// runs, Debian starts them at once and at every boot, on ports that people may need. The
// tests start their own.
func (i *installer) stopServices(packages []string) error {
	if !exists("/run/systemd/system") {
		return nil
	}
	for _, service := range []string{"nginx", "haproxy", "caddy"} {
		if slices.Contains(packages, service) {
			if err := i.asRoot("systemctl", "disable", "--quiet", "--now", service); err != nil {
				return err
			}
		}
	}
	return nil
}

// missing returns the packages of the programs that are not there. gcc is for the
// race detector; a font, for the pages that Chromium draws.
func (i *installer) missing() []string {
	var packages []string
	for _, p := range []struct{ program, packages string }{
		{"gcc", "gcc libc6-dev"},
		{"git", "git"},
		{"redis-server", "redis-server"},
		{"chromium", "chromium fonts-liberation"},
		{"npm", "npm"},
		{"podman", "podman"},
		{"runc", "runc"},
		{"gunicorn", "gunicorn"},
		{"ip", "iproute2"},
		{"Rscript", "r-base-core r-cran-shiny"},
		{"systemd-analyze", "systemd"},
		{"nginx", "nginx"},
		{"caddy", "caddy"},
		{"zsh", "zsh"},
		{"fish", "fish"},
		{"haproxy", "haproxy"},
		{"wrk", "wrk"},
		{"apache2", "apache2-bin"}, // without the service that the package apache2 is
	} {
		if !installed(p.program) {
			packages = append(packages, strings.Fields(p.packages)...)
		}
	}
	if !exists("/usr/lib/apache2/modules/mod_auth_openidc.so") {
		packages = append(packages, "libapache2-mod-auth-openidc")
	}
	if i.python() == "" && !exists(i.cache.Streamlit()) {
		packages = append(packages, "python3-venv")
	}
	if os.Geteuid() != 0 && !installed("newuidmap") { // podman without root
		packages = append(packages, "uidmap")
	}
	return packages
}

// installed looks in PATH and where Debian puts what only root has in it.
func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil || exists(filepath.Join("/usr/sbin", program))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// asRoot runs a command as root; sudo asks for the password if it must.
func (i *installer) asRoot(name string, args ...string) error {
	// A package's questions would wait for an answer that nobody gives.
	args = append([]string{"DEBIAN_FRONTEND=noninteractive", name}, args...)
	if os.Geteuid() == 0 {
		return i.quiet("env", args...)
	}
	if _, err := exec.LookPath("sudo"); err != nil {
		return errors.New("this needs root, and there is no sudo: run the command above as root first")
	}
	return i.quiet("sudo", append([]string{"env"}, args...)...)
}

// python returns a Python that can make a virtual environment with pip in it.
func (i *installer) python() string {
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if i.command(name, "-c", "import venv, ensurepip").Run() == nil {
			return name
		}
	}
	return ""
}

// streamlit installs the newest release, as the tests are there to notice what it
// changes. Without a network, the one that is there will do.
func (i *installer) streamlit() error {
	if !exists(filepath.Join(i.cache.Venv(), "bin", "pip")) {
		if err := i.quiet(i.python(), "-m", "venv", "--clear", i.cache.Venv()); err != nil {
			return err
		}
	}
	pip := filepath.Join(i.cache.Venv(), "bin", "pip")
	had := exists(i.cache.Streamlit())
	err := i.quiet(pip, "install", "--quiet", "--disable-pip-version-check", "--upgrade", "streamlit", "Authlib")
	if err != nil && had {
		i.report.note("could not look for a newer one, going on: %v", err)
		err = nil
	}
	if err != nil {
		return err
	}
	version, err := i.output(i.cache.Streamlit(), "--version")
	i.report.note("%s", version)
	return err
}

// pyjwt installs, beside Streamlit, what the manual checks assertions with, once.
func (i *installer) pyjwt() error {
	if exists(i.cache.HasPyJWT()) {
		i.report.note("all there")
		return nil
	}
	pip := filepath.Join(i.cache.Venv(), "bin", "pip")
	args := append([]string{"install", "--quiet", "--disable-pip-version-check"}, parts.PyJWT()...)
	if err := i.quiet(pip, args...); err != nil {
		return err
	}
	return os.WriteFile(i.cache.HasPyJWT(), nil, 0o644)
}

// youtube installs what the manual asks Google's APIs with, and a Streamlit for
// examples/youtube.
func (i *installer) youtube() error {
	return i.dashboard(filepath.Join(i.dir, "test", "e2e", "testdata", "youtube", "requirements.txt"), i.cache.App("youtube"))
}

// provider installs the second OpenID provider.
func (i *installer) provider() error {
	return i.npm("provider", i.cache.Provider(), i.cache.Node())
}

// axe installs what looks at our pages for people who cannot see them, or hold a mouse.
func (i *installer) axe() error { return i.npm("axe", i.cache.Axe(), i.cache.AxeScript()) }

// npm installs exactly what test/NAME/package-lock.json says, once: part is of it.
func (i *installer) npm(name, to, part string) error {
	const lock = "package-lock.json"
	from := filepath.Join(i.dir, "test", name)
	want, err := os.ReadFile(filepath.Join(from, lock))
	if err != nil {
		return err
	}
	stamp := filepath.Join(to, "installed-"+lock)
	if got, err := os.ReadFile(stamp); err == nil && bytes.Equal(got, want) && exists(part) {
		i.report.note("all there")
		return nil
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"package.json", lock} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o644); err != nil {
			return err
		}
	}
	if err := i.quiet("npm", "ci", "--prefix", to, "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
		return err
	}
	return os.WriteFile(stamp, want, 0o644)
}
