//go:build race

package upstream_test

// raceAllocates is what the race detector adds: it has pools forget now and then.
const raceAllocates = 12
