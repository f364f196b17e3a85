// Command release makes what people download: for each platform an archive with the
// program, static and the same to the byte whoever makes it, a list of what is in it,
// and the checksums of all.
//
//	go run ./release [-o FOLDER] [OS/ARCH…]
//
// The version is the tag of the commit; without one, or with files that were changed
// since, there is no release.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// platforms are those that the program builds for and is meant for.
func platforms() []string {
	return []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"}
}

func main() {
	out := flag.String("o", "dist", "folder to write to; it must be empty, or not there")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := release(ctx, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func release(ctx context.Context, out string, wanted []string) error {
	if len(wanted) == 0 {
		wanted = platforms()
	}
	for _, p := range wanted {
		if !slices.Contains(platforms(), p) {
			return fmt.Errorf("%q is none of the platforms: %s", p, strings.Join(platforms(), ", "))
		}
	}
	r, err := openCheckout(ctx)
	if err != nil {
		return err
	}
	if err := emptyFolder(out); err != nil {
		return err
	}
	for _, p := range wanted {
		if err := r.pack(ctx, p, out); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return writeChecksums(out)
}

// checkout is the commit that is released.
type checkout struct {
	dir     string
	version string    // its tag
	time    time.Time // of the commit, and of every file in the archives
}

// openCheckout finds the commit, and refuses one whose files are not what its tag says.
func openCheckout(ctx context.Context) (c checkout, err error) {
	if c.dir, err = run(ctx, "", nil, "git", "rev-parse", "--show-toplevel"); err != nil {
		return c, err
	}
	changed, err := run(ctx, c.dir, nil, "git", "status", "--porcelain")
	if err != nil {
		return c, err
	}
	if changed != "" {
		return c, errors.New("files differ from the commit, so nobody else could make this release:\n" + changed)
	}
	if c.version, err = run(ctx, c.dir, nil, "git", "describe", "--tags", "--exact-match", "--match", "v*"); err != nil {
		return c, fmt.Errorf("the commit has no version: git tag -a v1.2.3 gives it one: %w", err)
	}
	if !regexp.MustCompile(`^v[01]\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`).MatchString(c.version) {
		return c, fmt.Errorf("the tag %s is no version such as v1.2.3", c.version)
	}
	seconds, err := run(ctx, c.dir, nil, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return c, err
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	c.time = time.Unix(unix, 0).UTC()
	return c, err
}

func emptyFolder(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	found, err := os.ReadDir(path)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("%s is not empty: what lies there would look like a part of the release", path)
	}
	return err
}

// pack builds for one platform, and writes the archive and the list of what is in it.
func (c checkout) pack(ctx context.Context, platform, out string) error {
	work, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	program := filepath.Join(work, "sidegate")
	info, err := c.build(ctx, platform, program)
	if err != nil {
		return err
	}
	licences, err := c.licences(ctx, info)
	if err != nil {
		return err
	}
	name := "sidegate_" + strings.TrimPrefix(c.version, "v") + "_" + strings.ReplaceAll(platform, "/", "_")
	files := []file{{path: program, name: "sidegate", mode: 0o755}, {name: "THIRD-PARTY-LICENSES", mode: 0o644, text: licences}}
	for _, f := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		files = append(files, file{path: filepath.Join(c.dir, f), name: f, mode: 0o644})
	}
	if err := writeArchive(filepath.Join(out, name+".tar.gz"), name, c.time, files); err != nil {
		return err
	}
	return writeSBOM(filepath.Join(out, name+".cdx.json"), info, c)
}

// run returns what a program says. env is added to the environment.
func run(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w %s", name, args[0], err, complaint.String())
	}
	return strings.TrimSpace(string(out)), nil
}
