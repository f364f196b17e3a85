//go:build unix && !aix && !solaris

package filestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// openPrivate opens and locks the session file for bbolt. All checks are made on
// the open file: one made on the path could be passed by a file that is exchanged
// after it.
func openPrivate(path string, flag int, perm os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, flag|syscall.O_NOFOLLOW, perm)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link; name the file itself", path)
	}
	if err != nil {
		return nil, err
	}
	for _, step := range []func(string, *os.File) error{checkPrivate, lock, restartUnborn} {
		if err := step(path, f); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

// checkPrivate refuses a file in which somebody else may read sealed sessions, or
// plant their own.
func checkPrivate(path string, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file; name another path", path)
	}
	if uid := os.Geteuid(); int(info.Sys().(*syscall.Stat_t).Uid) != uid {
		return fmt.Errorf("%s belongs to user %d, but sidegate runs as user %d; make it sidegate's own with: chown %d %s",
			path, info.Sys().(*syscall.Stat_t).Uid, uid, uid, path)
	}
	if info.Mode()&0o077 != 0 {
		return fmt.Errorf("%s is open to other users (mode %04o); close it with: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return nil
}

// lock takes bbolt's own lock, and so before anything is read; bbolt then finds
// that it has it already.
func lock(path string, f *os.File) error {
	for giveUp := time.Now().Add(lockTimeout); ; time.Sleep(lockTimeout / 20) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if time.Now().After(giveUp) {
			return fmt.Errorf("another process has %s open; stop it, or give each sidegate a session file of its own", path)
		}
	}
}

// restartUnborn empties a file whose very first write was cut off: bbolt writes
// four pages when it makes a file, and reading one with fewer of them would end
// the process (SIGBUS). Such a file has never held a record. Anything else that
// is short is not ours, and is left alone.
func restartUnborn(path string, f *os.File) error {
	// bbolt's page header, 16 bytes; then its meta page: magic, version, page size.
	const magicAt, pageSizeAt, magic = 16, 24, 0xED0CDAED
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	pageSize := int64(os.Getpagesize())
	head := make([]byte, pageSizeAt+4)
	_, err = f.ReadAt(head, 0)
	ours := err == nil && binary.NativeEndian.Uint32(head[magicAt:]) == magic
	if ours {
		pageSize = int64(binary.NativeEndian.Uint32(head[pageSizeAt:]))
	}
	switch short := info.Size() < 4*pageSize; {
	case short && ours:
		return f.Truncate(0)
	case short:
		return fmt.Errorf("%s is not a session file; name another path", path)
	}
	return nil
}
