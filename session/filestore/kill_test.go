package filestore_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"sidegate/session"
	"sidegate/session/filestore"
)

// childPath makes the test binary write to that session file until it is killed.
const childPath = "FILESTORE_TEST_WRITE_TO"

// TestKilledWriter is the child's part of TestAKilledProcessLosesNothing.
func TestKilledWriter(t *testing.T) {
	path := os.Getenv(childPath)
	if path == "" {
		return // not a child
	}
	s, err := filestore.Open(path)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%d %d %d", os.Getpid(), w, n)
				if err := s.Put(context.Background(), key, killedValue(key), time.Hour); err != nil {
					fmt.Println("FAILED", err)
					return
				}
				fmt.Println("STORED", key)
				if n%3 == 2 { // and some churn: the freed pages are used again
					s.Revoke(context.Background(), fmt.Sprintf("%d %d %d", os.Getpid(), w, n-1))
				}
			}
		})
	}
	writers.Wait()
}

// killedValue is what key must hold, of several pages at times.
func killedValue(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return bytes.Repeat(sum[:], 1+int(sum[0]))
}

// FLT-12: a process that is killed while it writes (kill -9, out of memory) leaves a
// sound file with every record whose Put was answered, a hundred times in a row.
func TestAKilledProcessLosesNothing(t *testing.T) {
	path := newPath(t)
	lost, total, start := 0, 0, time.Now()
	for round := range 100 {
		stored := writeAndKill(t, path, 1+round*round%113)
		total += len(stored)
		checkSound(t, path)
		s, err := filestore.Open(path)
		if err != nil {
			t.Fatalf("round %d: Open after the kill: %v", round, err)
		}
		for _, key := range stored {
			got, err := s.Get(t.Context(), key)
			if n, _ := strconv.Atoi(key[strings.LastIndex(key, " ")+1:]); n%3 == 1 && errors.Is(err, session.ErrNone) {
				continue // deleted soon after
			}
			if err != nil || !bytes.Equal(got, killedValue(key)) {
				lost++
				t.Errorf("round %d: Get(%s) = %d bytes, %v; it had been stored", round, key, len(got), err)
			}
		}
		s.Close()
	}
	t.Logf("FLT-12: records lost %d of %d over 100 kills, in %v", lost, total, time.Since(start).Round(time.Millisecond))
}

// writeAndKill lets a child write to path, kills it after it has stored n records,
// and returns the keys it said to have stored.
func writeAndKill(t *testing.T, path string, n int) []string {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$")
	child.Env = append(os.Environ(), childPath+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	var stored []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		key, ok := strings.CutPrefix(lines.Text(), "STORED ")
		if !ok {
			t.Fatalf("the child says %q", lines.Text())
		}
		if stored = append(stored, key); len(stored) == n {
			child.Process.Kill() // what it has said before that still counts
		}
	}
	if len(stored) < n {
		t.Fatalf("the child ended after %d records, before it was killed", len(stored))
	}
	return stored
}

// checkSound has bbolt check every page.
func checkSound(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatalf("bbolt.Open: %v", err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		var faults []error
		for fault := range tx.Check() {
			faults = append(faults, fault)
		}
		return errors.Join(faults...)
	})
	if err != nil {
		t.Errorf("the file is not sound: %v", err)
	}
}
