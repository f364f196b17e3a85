package main

import (
	"math"
	"strconv"
	"strings"
)

// short writes a figure with as many digits as it deserves: three at most.
func short(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.Abs(v) >= 1e6:
		return short(v/1e6) + " million"
	case math.Abs(v) >= 1000:
		return thousands(round(v, 3))
	}
	s := strconv.FormatFloat(round(v, 3), 'f', 2, 64)
	if math.Abs(v) >= 100 {
		return s[:len(s)-3]
	}
	if math.Abs(v) >= 10 {
		s = s[:len(s)-1]
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// round keeps n significant digits.
func round(v float64, n int) float64 {
	if v == 0 {
		return 0
	}
	unit := math.Pow(10, float64(n-1)-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*unit) / unit
}

// thousands writes a whole number with a comma after each.
func thousands(v float64) string {
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// times writes a ratio with two digits behind the point, so that they stand in a line.
func times(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// write writes a spread: the median, and between what the rounds were.
func (s spread) write(figure func(float64) string) string {
	if !s.known() {
		return "–"
	}
	if s.min == s.max {
		return figure(s.median)
	}
	return figure(s.median) + " (" + figure(s.min) + "–" + figure(s.max) + ")"
}
