package main

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// spread is what several rounds say of one figure.
type spread struct{ median, min, max float64 }

// spreadOf sums up rounds; NaN is a round that says nothing.
func spreadOf(rounds []float64) spread {
	said := slices.DeleteFunc(slices.Clone(rounds), math.IsNaN)
	if len(said) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	slices.Sort(said)
	return spread{median(said), said[0], said[len(said)-1]}
}

func (s spread) known() bool { return !math.IsNaN(s.median) }

// median is of sorted values.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// ratios divides round by round. What disturbs the machine for a minute disturbs both
// of a round, which are measured one after the other, and cancels out.
func ratios(of, to []float64) []float64 {
	all := make([]float64, 0, len(of))
	for i := range min(len(of), len(to)) {
		if to[i] == 0 {
			all = append(all, math.NaN())
			continue
		}
		all = append(all, of[i]/to[i])
	}
	return all
}

// percentile is the smallest value that at least p percent of all are not above
// (nearest rank). It sorts values.
func percentile[T cmp.Ordered](values []T, p float64) (v T) {
	if len(values) == 0 {
		return v
	}
	slices.Sort(values)
	rank := int(math.Ceil(p / 100 * float64(len(values))))
	return values[min(max(rank, 1), len(values))-1]
}

// micros is a duration as a figure of a table.
func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// millis is one as well.
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
