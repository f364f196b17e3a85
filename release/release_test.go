package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sidegate/test/need"
)

// copyOf is a checkout of the present files, with a commit and a tag of its own: what
// this one's commit is, or whose, does not matter then.
func copyOf(t *testing.T, tag string) string {
	t.Helper()
	git := need.Program(t, "git", "git")
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case name == ".git" && d.IsDir():
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(dir, name), 0o755)
		case name == ".git" || !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name), text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	steps := [][]string{{"init", "--quiet"}, {"add", "--all"}, {"commit", "--quiet", "-m", "test"}}
	if tag != "" {
		steps = append(steps, []string{"tag", "-a", "-m", tag, tag})
	}
	for _, args := range steps {
		cmd := exec.Command(git, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), gitAlone()...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return dir
}

// gitAlone has git look at no settings of this machine's, and commit the same thing
// each time.
func gitAlone() []string {
	return []string{
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com",
		"GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z",
	}
}

// tool builds this program.
func tool(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "release")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// released makes a release as somebody does in a folder of theirs, with what their
// environment has besides.
func released(t *testing.T, tool, dir string, env []string, args ...string) (out string, err error) {
	t.Helper()
	out = filepath.Join(t.TempDir(), "dist")
	cmd := exec.Command(tool, append([]string{"-o", out}, args...)...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), gitAlone()...), env...)
	if text, failed := cmd.CombinedOutput(); failed != nil {
		err = errors.New(string(text))
	}
	return out, err
}

// Two people make the same release of the same commit: in other folders, with other
// settings of Go and another zone of time.
func TestAReleaseIsTheSameWhoeverMakesIt(t *testing.T) {
	tool := tool(t)
	one, err := released(t, tool, copyOf(t, "v1.2.3"), []string{"TZ=UTC"}, "linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	other, err := released(t, tool, copyOf(t, "v1.2.3"), []string{"TZ=Asia/Tokyo", "GOFLAGS=-buildvcs=false -tags=netgo", "GOAMD64=v3", "CGO_ENABLED=1"}, "linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(one)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		a, b := read(t, one, n.Name()), read(t, other, n.Name())
		if !bytes.Equal(a, b) {
			t.Errorf("%s is another in each: %d and %d bytes", n.Name(), len(a), len(b))
		}
	}
	isARelease(t, one)
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// isARelease looks at what people get: an archive with a program that needs no
// library and knows its version, the list of what is in it, and checksums that are right.
func isARelease(t *testing.T, dir string) {
	t.Helper()
	const name = "sidegate_1.2.3_linux_amd64"
	files := unpacked(t, read(t, dir, name+".tar.gz"))
	for _, f := range []string{"sidegate", "LICENSE", "README.md", "CHANGELOG.md", "THIRD-PARTY-LICENSES"} {
		if len(files[name+"/"+f]) == 0 {
			t.Errorf("the archive has no %s", f)
		}
	}
	for _, text := range []string{"github.com/redis/go-redis/v9", "Go, go1.", "go.etcd.io/bbolt", "MIT License"} {
		if !bytes.Contains(files[name+"/THIRD-PARTY-LICENSES"], []byte(text)) {
			t.Errorf("the licences of others lack %q", text)
		}
	}
	program := filepath.Join(t.TempDir(), "sidegate")
	if err := os.WriteFile(program, files[name+"/sidegate"], 0o755); err != nil {
		t.Fatal(err)
	}
	parsed, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer parsed.Close()
	if slices.ContainsFunc(parsed.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the program wants a dynamic loader")
	}
	if runtime.GOOS+"/"+runtime.GOARCH == "linux/amd64" {
		if said, err := exec.Command(program, "version").Output(); string(said) != "sidegate v1.2.3\n" {
			t.Errorf("sidegate version says %q (%v)", said, err)
		}
	}

	var list bom
	if err := json.Unmarshal(read(t, dir, name+".cdx.json"), &list); err != nil {
		t.Fatal(err)
	}
	if list.Metadata.Component.URL != "pkg:golang/sidegate@v1.2.3" {
		t.Errorf("the list is of %+v", list.Metadata.Component)
	}
	for _, module := range []string{"std", "github.com/redis/go-redis/v9", "golang.org/x/oauth2"} {
		if !slices.ContainsFunc(list.Components, func(c component) bool { return c.Name == module && strings.HasSuffix(c.URL, module+"@"+c.Version) }) {
			t.Errorf("the list does not have %s", module)
		}
	}
	check := exec.Command("sha256sum", "--check", "--strict", "checksums.txt")
	check.Dir = dir
	if out, err := check.CombinedOutput(); err != nil || strings.Count(string(out), ": OK") != 2 {
		t.Errorf("checksums: %v\n%s", err, out)
	}
}

func unpacked(t *testing.T, packed []byte) map[string][]byte {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(zip); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[head.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
		if head.Uid != 0 || head.Uname != "" || head.ModTime.UTC().Format("2006-01-02T15:04:05") != "2026-01-02T03:04:05" {
			t.Errorf("%s tells of who made it: %+v", head.Name, head)
		}
	}
}

// A version that says v1.2.3 is that commit, and nothing else.
func TestWhatIsNoReleaseIsRefused(t *testing.T) {
	tool, good := tool(t), copyOf(t, "v1.2.3")
	refused := func(dir, arg, want string) {
		t.Helper()
		out, err := released(t, tool, dir, nil, arg)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
		if _, err := os.Stat(filepath.Join(out, "checksums.txt")); err == nil {
			t.Errorf("%s: there is a release nevertheless", want)
		}
	}
	refused(good, "plan9/amd64", "none of the platforms")
	refused(copyOf(t, ""), "linux/amd64", "has no version")
	refused(copyOf(t, "v2026"), "linux/amd64", "is no version")
	refused(copyOf(t, "v2.0.0"), "linux/amd64", "is no version") // Go would call it v0.0.0-…
	more := filepath.Join(good, "cmd", "sidegate", "more.go")
	if err := os.WriteFile(more, []byte("package main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	refused(good, "linux/amd64", "differ from the commit")
	if err := errors.Join(os.Remove(more), os.WriteFile(filepath.Join(good, "README.md"), []byte("changed"), 0o644)); err != nil {
		t.Fatal(err)
	}
	refused(good, "linux/amd64", "differ from the commit")
	used := t.TempDir()
	if err := os.WriteFile(filepath.Join(used, "old.tar.gz"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := emptyFolder(used); err == nil {
		t.Error("a folder with another release in it is written to")
	}
}
