//go:build !race

package proxy_test

const raceAllocates = 0
