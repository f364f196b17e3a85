package main

import (
	"bufio"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// boundMemory has the garbage collector keep to nine tenths of what the container may
// use: without a word it lets the heap double, and the kernel kills who passes the
// limit. The rest is for what is not Go's heap. What somebody set as GOMEMLIMIT holds,
// "off" too. The runtime does the same with processors by itself (GOMAXPROCS).
func boundMemory(root fs.FS, log *slog.Logger) {
	from := "GOMEMLIMIT"
	if _, set := os.LookupEnv(from); !set {
		limit := memoryLimit(root)
		if limit == 0 {
			return
		}
		from = "nine tenths of the cgroup's limit"
		debug.SetMemoryLimit(limit / 10 * 9)
	}
	log.LogAttrs(context.Background(), slog.LevelDebug, "memory is bounded",
		slog.Int64("bytes", debug.SetMemoryLimit(-1)), slog.String("from", from), slog.Int("processors", runtime.GOMAXPROCS(0)))
}

// memoryLimit returns how many bytes the cgroups of this process may use, the least of
// them; 0: none sets a limit, or they cannot be read.
func memoryLimit(root fs.FS) (least int64) {
	file, err := root.Open("proc/self/cgroup") // cgroups(7): "number:controllers:path"
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		parts := strings.SplitN(lines.Text(), ":", 3)
		if len(parts) != 3 {
			continue
		}
		dir, name := "", ""
		switch {
		case parts[0] == "0" && parts[1] == "":
			dir, name = "sys/fs/cgroup", "memory.max"
		case hasMemory(parts[1]):
			dir, name = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		if limit := limitAbove(root, dir, path.Clean("/"+parts[2]), name); limit > 0 && (least == 0 || limit < least) {
			least = limit
		}
	}
	return least
}

func hasMemory(controllers string) bool {
	for name := range strings.SplitSeq(controllers, ",") {
		if name == "memory" {
			return true
		}
	}
	return false
}

// limitAbove returns the least limit of a cgroup and those it is in. In a container the
// path may be the host's, which is not there: what is mounted is then the container's own.
func limitAbove(root fs.FS, dir, group, name string) (least int64) {
	for ; ; group = path.Dir(group) {
		if limit := readLimit(root, path.Join(dir, group, name)); limit > 0 && (least == 0 || limit < least) {
			least = limit
		}
		if group == "/" {
			return least
		}
	}
}

// noLimit is what the first version of cgroups says in place of "max", less a page.
const noLimit = 1 << 62

func readLimit(root fs.FS, name string) int64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || limit >= noLimit {
		return 0
	}
	return limit
}
