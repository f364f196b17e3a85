//go:build race

package proxy_test

// raceAllocates is what the race detector adds: it has pools forget now and then.
const raceAllocates = 12
