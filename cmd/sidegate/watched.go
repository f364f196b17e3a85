package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxWatched bounds a list that people keep by hand, in bytes.
const maxWatched = 4 << 20

// watchedFile is a file that is read again when it changes.
type watchedFile struct {
	name  string // of the setting
	path  string // "": there is none
	seen  fs.FileInfo
	fault string // what was wrong at the last look
}

// changed reports whether the file is another than at the last read, or cannot be
// looked at.
func (f *watchedFile) changed() bool {
	if f.path == "" {
		return false
	}
	info, err := os.Stat(f.path)
	return err != nil || f.seen == nil || !sameFile(info, f.seen)
}

// read returns what is in the file.
func (f *watchedFile) read() (string, error) {
	if f.path == "" {
		return "", nil
	}
	// Nobody is waited for who writes into a pipe: what is read anew decides who may stay.
	file, err := os.OpenFile(f.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("%s: %w", f.name, err)
	}
	defer file.Close()
	info, err := file.Stat() // before reading: what changes meanwhile is read once more
	if err != nil {
		return "", fmt.Errorf("%s: %w", f.name, err)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxWatched+1))
	if err == nil && len(text) > maxWatched {
		err = errors.New("the file is too large")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", f.name, err)
	}
	f.seen = info
	return string(text), nil
}

// news reports whether a fault is another than at the last look: a file that stays
// broken is not said to be so every two seconds.
func (f *watchedFile) news(err error) bool {
	text := ""
	if err != nil {
		text = err.Error()
	}
	before := f.fault
	f.fault = text
	return text != "" && text != before
}

func sameFile(a, b fs.FileInfo) bool {
	return a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && os.SameFile(a, b)
}
