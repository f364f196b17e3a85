package proxy

import (
	"testing"
	"time"

	"sidegate/web"
)

// said is what somebody is told who asks at a time.
func said(t *testing.T, w *waiting, now time.Time) *web.Error {
	t.Helper()
	e, ok := w.unavailable(now, nil).(*web.Error)
	if !ok {
		t.Fatal("not a web.Error")
	}
	return e
}

// FLT-17: the longer it lasts the more patient the page is, within bounds: nobody
// waits much longer than the app takes, and nobody hammers one that is gone.
func TestPatienceGrowsWithTheOutage(t *testing.T) {
	var w waiting
	begin := time.Now()
	for _, tt := range []struct{ after, retry time.Duration }{
		{0, 2 * time.Second}, {9 * time.Second, 2 * time.Second}, {20 * time.Second, 4 * time.Second},
		{50 * time.Second, 10 * time.Second}, {75 * time.Second, 15 * time.Second}, {100 * time.Second, 15 * time.Second},
	} {
		if e := said(t, &w, begin.Add(tt.after)); e.Retry != tt.retry || !e.Since.Equal(begin) {
			t.Errorf("after %s: again in %s, since %s; want in %s, since the first try", tt.after, e.Retry, e.Since.Sub(begin), tt.retry)
		}
	}
}

func TestAnAppThatStartsIsNotOneThatBrokeDown(t *testing.T) {
	var w waiting
	now := time.Now()
	starting := said(t, &w, now)
	w.answers()
	down := said(t, &w, now.Add(10*time.Second))
	if starting.Title == down.Title || starting.Public == down.Public {
		t.Errorf("both are told %q, %q", down.Title, down.Public)
	}
	if !down.Since.Equal(now.Add(10 * time.Second)) {
		t.Error("an answer does not end an outage")
	}
}

// How long it has been is said of what somebody saw: an outage that nobody looked at
// may have been two.
func TestAnOutageIsNoLongerThanSomebodyTried(t *testing.T) {
	var w waiting
	morning := time.Now()
	said(t, &w, morning)
	if e := said(t, &w, morning.Add(8*time.Hour)); !e.Since.Equal(morning.Add(8 * time.Hour)) {
		t.Errorf("an outage of %s, at which nobody looked but twice", morning.Add(8*time.Hour).Sub(e.Since))
	}
}
