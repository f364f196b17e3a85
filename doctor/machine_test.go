package doctor

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAStoreThatIsSlowAtFirstIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		steps := []Step{{"write a record", func(context.Context) error {
			if calls++; calls < 3 {
				return os.ErrDeadlineExceeded
			}
			return errors.New("WRONGPASS invalid username-password pair or user is disabled.")
		}}}
		f := Store(t.Context(), "Redis", steps)
		if len(f) != 1 || !strings.Contains(f[0].Says, "WRONGPASS") {
			t.Errorf("%+v", f)
		}
		start := time.Now()
		hung := []Step{{"write a record", func(context.Context) error { return os.ErrDeadlineExceeded }}}
		if f = Store(t.Context(), "Redis", hung); len(f) != 1 || f[0].Status != Fault || time.Since(start) >= checkTime {
			t.Errorf("%+v after %v", f, time.Since(start))
		}
	})
}

// What a server that is down cannot do is said once; what a user may not, each time.
func TestOneTroubleIsToldOnce(t *testing.T) {
	fails := func(text string) Step { return Step{"do", func(context.Context) error { return errors.New(text) }} }
	if f := Store(t.Context(), "Redis", []Step{fails("connection refused"), fails("connection refused")}); len(f) != 1 {
		t.Errorf("%+v", f)
	}
	if f := Store(t.Context(), "Redis", []Step{fails("NOPERM eval"), fails("NOPERM scan")}); len(f) != 2 {
		t.Errorf("%+v", f)
	}
}

func TestAListenerThatCannotBeIsExplained(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	at := Listener{"SIDEGATE_LISTEN", taken.Addr().String()}
	if f := Listening(false, at); f.Status != Fault || !strings.Contains(f.Remedy, "SIDEGATE_LISTEN=") {
		t.Errorf("taken: %+v", f)
	}
	if f := Listening(true, at); f.Status != OK {
		t.Errorf("taken by the running sidegate: %+v", f)
	}
	if f := Listening(false, Listener{"SIDEGATE_LISTEN", "192.0.2.1:8080"}); f.Status != Fault || !strings.Contains(f.Says, "no address of this machine") {
		t.Errorf("nobody's address: %+v", f)
	}
}
