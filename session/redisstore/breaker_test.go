package redisstore

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Times are those of a bubble: they pass when nothing else is to be done.

func TestABreakerOpensAfterAFewFailuresInARow(t *testing.T) {
	var b breaker
	for range breakAfter - 1 {
		wantAsked(t, &b, true)
		b.tell(false, fails)
	}
	wantAsked(t, &b, true)
	b.tell(false, works)
	for range breakAfter - 1 { // counted anew
		wantAsked(t, &b, true)
		b.tell(false, fails)
	}
	wantAsked(t, &b, true)
	if open := b.tell(false, fails); !open {
		t.Errorf("after %d failures in a row the breaker is closed", breakAfter)
	}
	wantAsked(t, &b, false)
}

func TestAnOpenBreakerLetsOneCallThroughAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := opened()
		for range 3 {
			wantAsked(t, b, false)
			time.Sleep(probeEvery - time.Nanosecond)
			wantAsked(t, b, false)
			time.Sleep(time.Nanosecond)
			if probe, err := b.ask(); !probe || err != nil {
				t.Errorf("ask = %v, %v; want that a probe is let through", probe, err)
			}
			wantAsked(t, b, false)
			b.tell(true, fails)
		}
		// A probe that never tells is replaced.
		time.Sleep(probeEvery)
		wantAsked(t, b, true)
		time.Sleep(probeEvery)
		wantAsked(t, b, true)
	})
}

func TestABreakerClosesAtTheFirstSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := opened()
		time.Sleep(probeEvery)
		wantAsked(t, b, true)
		if open := b.tell(true, works); open {
			t.Error("after a success the breaker is open")
		}
		for range 10 {
			wantAsked(t, b, true)
		}
	})
}

// FLT-11: browsers give up all the time, and say nothing of the server by it.
func TestACallThatItsCallerGaveUpIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closed breaker
		for range 10 * breakAfter {
			wantAsked(t, &closed, true)
			closed.tell(false, unknown)
		}
		wantAsked(t, &closed, true)

		// As the probe it is replaced by the next call, without another wait; as any
		// other call it changes nothing.
		b := opened()
		time.Sleep(probeEvery)
		probe, _ := b.ask()
		b.tell(probe, unknown)
		wantAsked(t, b, true)
		wantAsked(t, b, false)
		b.tell(false, unknown)
		wantAsked(t, b, false)
	})
}

func opened() *breaker {
	var b breaker
	for range breakAfter {
		b.tell(false, fails)
	}
	return &b
}

func wantAsked(t *testing.T, b *breaker, want bool) {
	t.Helper()
	if _, err := b.ask(); (err == nil) != want || err != nil && !errors.Is(err, errOpen) {
		t.Errorf("ask = %v, want that a call may be made: %v", err, want)
	}
}
