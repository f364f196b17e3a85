//go:build !race

package upstream_test

const raceAllocates = 0
