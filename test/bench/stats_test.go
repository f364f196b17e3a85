package main

import (
	"math"
	"testing"
	"time"
)

func TestPercentilesAreNearestRanks(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i // unsorted, 1 to 100
	}
	for _, c := range []struct {
		values []int
		p      float64
		want   int
	}{
		{hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred, 1, 1}, {hundred, 0, 1},
		{[]int{7}, 99, 7}, {[]int{3, 1, 2}, 50, 2}, {[]int{4, 1, 3, 2}, 50, 2}, {nil, 50, 0},
	} {
		if got := percentile(c.values, c.p); got != c.want {
			t.Errorf("percentile %v of %d values = %d, want %d", c.p, len(c.values), got, c.want)
		}
	}
}

func TestASpreadIsTheMedianAndTheExtremes(t *testing.T) {
	if got, want := spreadOf([]float64{3, 1, 9, 2, 4}), (spread{3, 1, 9}); got != want {
		t.Errorf("spread = %v, want %v", got, want)
	}
	if got, want := spreadOf([]float64{4, 1}), (spread{2.5, 1, 4}); got != want {
		t.Errorf("spread of two = %v, want %v", got, want)
	}
	if got, want := spreadOf([]float64{math.NaN(), 5}), (spread{5, 5, 5}); got != want {
		t.Errorf("spread with a round that says nothing = %v, want %v", got, want)
	}
	if spreadOf(nil).known() {
		t.Error("a spread of nothing is known")
	}
}

// The second round was three times as slow for both: the ratio does not show it.
func TestRatiosAreTakenWithinARound(t *testing.T) {
	got := spreadOf(ratios([]float64{20, 66, 18}, []float64{10, 30, 10}))
	if want := (spread{2, 1.8, 2.2}); got != want {
		t.Errorf("ratios = %v, want %v", got, want)
	}
	f := make(figures)
	f.add(cpuFlat, "other", 3)
	if f.ratio(cpuFlat, "other").known() {
		t.Error("without the bare proxy there is a ratio all the same")
	}
	f.add(cpuFlat, bare, 2)
	if got := f.ratio(cpuFlat, "other").median; got != 1.5 {
		t.Errorf("ratio = %v, want 1.5", got)
	}
}

func TestWhatAProcessUsedIsReadFromTheKernelsAccount(t *testing.T) {
	// A name may hold blanks and parentheses (proc_pid_stat(5)).
	const line = "42 (a ) (b) S 7 42 42 0 -1 4194560 100 0 0 0 250 50 30 20 20 0 1 0 100 1000 10"
	got, err := parseStat([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	if want := (stat{parent: 7, used: 3500 * time.Millisecond}); got != want {
		t.Errorf("account = %+v, want %+v", got, want)
	}
	if _, err := parseStat([]byte("42 (a) S 7")); err == nil {
		t.Error("half an account is taken for one")
	}
}

func TestAnEndedThreadMakesTheAccountCoarseAndNotWrong(t *testing.T) {
	before := usage{threads: map[string]time.Duration{"1/1": 5, "1/2": 7}, ticks: time.Second}
	same := usage{threads: map[string]time.Duration{"1/1": 6, "1/2": 9, "1/3": 4}, ticks: 2 * time.Second}
	if got := same.since(before); got != 7 {
		t.Errorf("used = %d ns, want 7: 1, 2, and 4 of a new thread", got)
	}
	ended := usage{threads: map[string]time.Duration{"1/1": 6}, ticks: 3 * time.Second}
	if got := ended.since(before); got != 2*time.Second {
		t.Errorf("used = %v, want the 2 s of the ticks, in which nothing is lost", got)
	}
}

func TestFiguresHaveThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.5: "0.5", 1: "1", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 1234: "1,230", 123456: "123,000", 9.999: "10",
		999.9: "1000", 1_520_000: "1.52 million",
	} {
		if got := short(v); got != want {
			t.Errorf("short(%v) = %q, want %q", v, got, want)
		}
	}
	if got := short(math.NaN()); got != "–" {
		t.Errorf("what is not known is written %q", got)
	}
	if got := (spread{1.5, 1.25, 2}).write(times); got != "1.50 (1.25–2.00)" {
		t.Errorf("spread is written %q", got)
	}
}
