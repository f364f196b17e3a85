package proxy

import (
	"net/http"
	"testing"
	"time"
)

// deadlines notes how often one is set for reading.
type deadlines struct {
	http.ResponseWriter
	set int
}

func (d *deadlines) SetReadDeadline(time.Time) error { d.set++; return nil }

// A body that was read needs no stopping, though the app has not taken all of it: net/http
// would take the deadline for the end of the browser's connection, and whatever is asked
// over it next would be ended.
func TestABodyThatWasReadIsNotStopped(t *testing.T) {
	for _, whole := range []bool{true, false} {
		var w deadlines
		e := &asking{w: &w}
		e.body.whole.Store(whole)
		if e.Stop(); (w.set == 0) != whole || e.stopped == whole {
			t.Errorf("all read %v: stopped %v, with %d deadlines", whole, e.stopped, w.set)
		}
	}
}
