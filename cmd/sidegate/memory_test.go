package main

import (
	"bytes"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"testing/fstest"
)

func TestTheContainersMemoryLimitIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nothing is there":   {nil, 0},
		"a container":        {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "268435456\n"}, 256 << 20},
		"no limit":           {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0},
		"no limit file":      {map[string]string{"proc/self/cgroup": "0::/\n"}, 0},
		"a service":          {map[string]string{"proc/self/cgroup": "0::/system.slice/app.service\n", "sys/fs/cgroup/system.slice/app.service/memory.max": "1000000"}, 1000000},
		"a narrower parent":  {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "2000", "sys/fs/cgroup/a/memory.max": "1000"}, 1000},
		"a wider parent":     {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "2000", "sys/fs/cgroup/a/memory.max": "max"}, 2000},
		"the host's path":    {map[string]string{"proc/self/cgroup": "0::/docker/123\n", "sys/fs/cgroup/memory.max": "3000"}, 3000},
		"a path to the root": {map[string]string{"proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/memory.max": "3000"}, 3000},
		"version 1":          {map[string]string{"proc/self/cgroup": "12:cpu,cpuacct:/x\n5:memory:/docker/1\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "4000"}, 4000},
		"version 1, no limit": {map[string]string{"proc/self/cgroup": "5:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"both versions": {map[string]string{"proc/self/cgroup": "5:memory:/x\n0::/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "5000"}, 5000},
		"garbage":       {map[string]string{"proc/self/cgroup": "?\n0::/\n", "sys/fs/cgroup/memory.max": "-5x"}, 0},
	} {
		root := fstest.MapFS{}
		for path, text := range c.files {
			root[path] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := memoryLimit(root); got != c.want {
			t.Errorf("%s: the limit is %d, want %d", name, got, c.want)
		}
	}
}

// container is one with a limit of 256 MiB.
func container() fstest.MapFS {
	return fstest.MapFS{
		"proc/self/cgroup":         &fstest.MapFile{Data: []byte("0::/\n")},
		"sys/fs/cgroup/memory.max": &fstest.MapFile{Data: []byte("268435456\n")},
	}
}

func TestTheCollectorKeepsToTheContainersLimitUnlessSomebodySetOne(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	const set = math.MaxInt64 - 1 // as if the runtime had read it
	for _, c := range []struct {
		environment string
		want        int64
		from        string
	}{
		{"", 241591905, "nine tenths"},
		{"off", set, "GOMEMLIMIT"},
		{"100MiB", set, "GOMEMLIMIT"},
	} {
		t.Setenv("GOMEMLIMIT", c.environment)
		if c.environment == "" {
			os.Unsetenv("GOMEMLIMIT")
		}
		debug.SetMemoryLimit(set)
		var out bytes.Buffer
		boundMemory(container(), slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
		if got := debug.SetMemoryLimit(-1); got != c.want {
			t.Errorf("GOMEMLIMIT=%s: the limit is %d, want %d", c.environment, got, c.want)
		}
		if !strings.Contains(out.String(), c.from) {
			t.Errorf("GOMEMLIMIT=%s: the log says %q", c.environment, out.String())
		}
	}
}
