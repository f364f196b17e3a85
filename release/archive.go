package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// file is one of an archive, from the disk or as a text.
type file struct {
	path string
	name string
	mode int64
	text []byte
}

// writeArchive writes a tar.gz in which nothing tells who made it, or when: each file
// has the time of the commit, and belongs to root.
func writeArchive(path, folder string, at time.Time, files []file) (err error) {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	zip, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zip)
	for _, f := range files {
		if f.path != "" {
			if f.text, err = os.ReadFile(f.path); err != nil {
				return err
			}
		}
		head := &tar.Header{
			Typeflag: tar.TypeReg, Format: tar.FormatUSTAR, Name: folder + "/" + f.name,
			Mode: f.mode, Size: int64(len(f.text)), ModTime: at,
		}
		if err := archive.WriteHeader(head); err != nil {
			return err
		}
		if _, err := archive.Write(f.text); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return zip.Close()
}

// writeChecksums writes checksums.txt, which `sha256sum --check` reads.
func writeChecksums(dir string) error {
	found, err := os.ReadDir(dir) // in the order of their names
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, f := range found {
		in, err := os.Open(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, in)
		in.Close()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sum.Sum(nil), f.Name())
	}
	return os.WriteFile(filepath.Join(dir, "checksums.txt"), []byte(b.String()), 0o644)
}
