package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of /proc/PID/stat: USER_HZ, which is 100 on all that Go runs on.
const tick = 10 * time.Millisecond

// usage is the time on a processor that processes, and all they started, have used so
// far, by the kernel's account.
type usage struct {
	// threads have it in nanoseconds (schedstat), by "PID/TID", while they live.
	threads map[string]time.Duration
	// ticks are utime and stime of /proc/PID/stat, with those of children that have
	// ended: coarse, but nothing gets lost.
	ticks time.Duration
}

// usageOf reads the account of processes and of their children.
func usageOf(pids ...int) (usage, error) {
	u := usage{threads: make(map[string]time.Duration)}
	all, err := family(pids)
	if err != nil {
		return u, err
	}
	for i, pid := range all {
		if err := u.add(pid); err != nil && i < len(pids) { // a child may have ended just now
			return u, err
		}
	}
	return u, nil
}

func (u *usage) add(pid int) error {
	s, err := readStat(pid)
	if err != nil {
		return err
	}
	u.ticks += s.used
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, t := range tasks {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, t.Name()))
		if err != nil {
			continue // it has ended, which since notices
		}
		on, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(on, 10, 64)
		if err != nil {
			return fmt.Errorf("schedstat of %d: %w", pid, err)
		}
		u.threads[strconv.Itoa(pid)+"/"+t.Name()] = time.Duration(n)
	}
	return nil
}

// since is what was used between two readings: in nanoseconds as long as no thread has
// ended meanwhile, else in ticks.
func (u usage) since(before usage) time.Duration {
	var sum time.Duration
	for id := range before.threads {
		if _, lives := u.threads[id]; !lives {
			return u.ticks - before.ticks
		}
	}
	for id, now := range u.threads {
		sum += now - before.threads[id]
	}
	if sum == 0 {
		return u.ticks - before.ticks
	}
	return sum
}

// stat is what bench needs of /proc/PID/stat.
type stat struct {
	parent int
	used   time.Duration
}

func readStat(pid int) (stat, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return parseStat(b)
}

// parseStat reads the fields after the program's name, which is in parentheses and may
// hold any of both (proc_pid_stat(5)).
func parseStat(b []byte) (s stat, err error) {
	_, rest, _ := bytes.Cut(b[max(0, bytes.LastIndexByte(b, ')')):], []byte(" "))
	f := strings.Fields(string(rest))
	const parent, utime, last = 1, 11, 14 // fields 4 and 14 to 17, from 3 on
	if len(f) <= last {
		return s, fmt.Errorf("cannot read the process account %q", b)
	}
	if s.parent, err = strconv.Atoi(f[parent]); err != nil {
		return s, err
	}
	for _, field := range f[utime : last+1] { // own, and of children that were waited for
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return s, err
		}
		s.used += time.Duration(n) * tick
	}
	return s, nil
}

// family returns processes with all that descend from them.
func family(pids []int) ([]int, error) {
	children := make(map[int][]int)
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, path := range stats {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if s, err := readStat(pid); err == nil { // else it has just ended
			children[s.parent] = append(children[s.parent], pid)
		}
	}
	all := append([]int(nil), pids...)
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all, nil
}

// memoryOf is what processes and their children hold, in KiB: the proportional set
// size, in which workers that share a page share its cost.
func memoryOf(pids ...int) (float64, error) {
	all, err := family(pids)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for i, pid := range all {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil && i >= len(pids) {
			continue // a child that has ended just now
		}
		if err != nil {
			return 0, err
		}
		kib, ok := statusField(string(b), "Pss")
		if !ok {
			return 0, fmt.Errorf("the kernel does not say what process %d holds", pid)
		}
		sum += kib
	}
	return sum, nil
}

// statusField reads "Name:   123 kB".
func statusField(text, name string) (float64, bool) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return n, err == nil
		}
	}
	return 0, false
}
