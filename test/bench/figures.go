package main

import "math"

// kind names what is measured.
type kind string

const (
	cpuFlat   kind = "cpu, flat out"       // µs a request
	rateFlat  kind = "requests a second"   //
	cpuPaced  kind = "cpu, paced"          // µs a request
	waitHalf  kind = "p50, paced"          // µs
	waitMost  kind = "p99, paced"          // µs
	cpuLarge  kind = "cpu of 1 MiB"        // µs
	rateLarge kind = "MiB a second, 1 MiB" //
	cpuHuge   kind = "cpu of 200 MiB"      // ms
	rateHuge  kind = "MiB a second, 200 MiB"
	cpuTalk   kind = "cpu of a WebSocket message"  // µs, to and fro
	talkHalf  kind = "p50 of a WebSocket message"  // µs
	talkMost  kind = "p99 of a WebSocket message"  // µs
	rising    kind = "start"                       // ms
	idle      kind = "memory, idle"                // MiB
	sleeping  kind = "memory of an idle WebSocket" // KiB
	signIns   kind = "sign-ins a second"           //
	cpuSignIn kind = "cpu of a sign-in"            // ms
)

// figures are what was measured: of each kind, of each candidate, round by round.
type figures map[kind]map[string][]float64

func (f figures) add(k kind, name string, value float64) {
	if f[k] == nil {
		f[k] = make(map[string][]float64)
	}
	f[k][name] = append(f[k][name], value)
}

func (f figures) of(k kind, name string) spread { return spreadOf(f[k][name]) }

// ratio compares with the bare proxy.
func (f figures) ratio(k kind, name string) spread {
	if f[k][bare] == nil {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	return spreadOf(ratios(f[k][name], f[k][bare]))
}
