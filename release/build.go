package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// build makes the program, and looks into it: that it knows its version, and the
// commit as it is.
func (c checkout) build(ctx context.Context, platform, program string) (*debug.BuildInfo, error) {
	system, arch, _ := strings.Cut(platform, "/")
	// What the environment of whoever builds could change, said once and for all.
	env := []string{"GOOS=" + system, "GOARCH=" + arch, "CGO_ENABLED=0", "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOWORK=off", "GOFIPS140=off"}
	_, err := run(ctx, c.dir, env, "go", "build", "-trimpath", "-buildvcs=true", "-mod=readonly", "-ldflags=-s -w -buildid=", "-o", program, "./cmd/sidegate")
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, err
	}
	if info.Main.Version != c.version {
		return nil, fmt.Errorf("the program says that it is %q, and the tag is %s", info.Main.Version, c.version)
	}
	return info, nil
}

// licences are the texts that have to go along with what others wrote.
func (c checkout) licences(ctx context.Context, info *debug.BuildInfo) ([]byte, error) {
	var b strings.Builder
	root, err := run(ctx, c.dir, nil, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	if err := addLicences(&b, "Go, "+info.GoVersion, root); err != nil {
		return nil, err
	}
	list := []string{"list", "-m", "-f", "{{.Dir}}"}
	for _, m := range info.Deps {
		list = append(list, m.Path)
	}
	dirs, err := run(ctx, c.dir, []string{"GOFLAGS="}, "go", list...)
	if err != nil {
		return nil, err
	}
	for n, dir := range strings.Split(dirs, "\n") {
		if err := addLicences(&b, info.Deps[n].Path+" "+info.Deps[n].Version, dir); err != nil {
			return nil, err
		}
	}
	return []byte(b.String()), nil
}

// addLicences adds the files that a module has for the purpose. One without any is
// nothing that may be handed on.
func addLicences(b *strings.Builder, title, dir string) error {
	found, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	heading := strings.Repeat("=", 72)
	fmt.Fprintf(b, "%s\n%s\n%s\n\n", heading, title, heading)
	some := false
	for _, f := range found {
		kind, _, _ := strings.Cut(strings.ToUpper(f.Name()), ".")
		if f.IsDir() || !slices.Contains([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"}, kind) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		some = true
		fmt.Fprintf(b, "%s\n\n", strings.TrimSpace(string(text)))
	}
	if !some {
		return fmt.Errorf("%s has no licence in %s", title, dir)
	}
	return nil
}
