package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestResultsComeInOrderAndWhatHangsIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		checks := []Check{
			Simple("A", "slow", func(context.Context) Finding { time.Sleep(2 * time.Second); return Good("slow") }),
			Simple("A", "hangs", func(context.Context) Finding { <-release; return Good("never") }),
			{"B", "two", func(context.Context) []Finding { return []Finding{Bad("one", "do"), Good("two")} }},
		}
		var got []string
		start := time.Now()
		if err := Run(t.Context(), checks, func(r Result) { got = append(got, r.Check+" "+r.Status.String()) }); err != nil {
			t.Fatal(err)
		}
		if s := strings.Join(got, ", "); s != "slow ok, hangs skipped, two fault, two ok" {
			t.Errorf("got %s", s)
		}
		if took := time.Since(start); took > wholeTime {
			t.Errorf("took %v", took)
		}
		close(release)
	})
}

func TestACheckIsToldWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		patient := Simple("A", "patient", func(ctx context.Context) Finding { <-ctx.Done(); return Unknown("too slow") })
		start := time.Now()
		if err := Run(t.Context(), []Check{patient}, func(Result) {}); err != nil || time.Since(start) != checkTime {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestAnInterruptedRunIsNoHealthyOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		told := 0
		err := Run(ctx, []Check{Simple("A", "a", func(ctx context.Context) Finding { <-ctx.Done(); return Good("fine") })}, func(Result) { told++ })
		if err == nil || told != 0 {
			t.Errorf("%v, %d results", err, told)
		}
	})
}

func TestWhatAServerSaidSteersNoTerminal(t *testing.T) {
	var got Result
	evil := Simple("A", "a", func(context.Context) Finding { return Bad("\x1b[2Jgone\u202e\n"+strings.Repeat("x", 2000), "\a") })
	if err := Run(t.Context(), []Check{evil}, func(r Result) { got = r }); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(got.Says+got.Remedy, "\x1b\u202e\n\a") || len(got.Says) > 2*maxText {
		t.Errorf("%q", got)
	}
}

func TestTheReportSaysWhatItComesTo(t *testing.T) {
	for _, tt := range []struct {
		statuses []Status
		want     string
		healthy  bool
	}{
		{[]Status{OK, OK}, "everything is in order", true},
		{[]Status{OK, Skipped}, "nothing wrong was found; 1 check skipped", true},
		{[]Status{OK, Warning, Warning, Skipped, Skipped}, "everything works, with 2 warnings; 2 checks skipped", true},
		{[]Status{OK, Fault, Warning}, "1 fault and 1 warning", false},
	} {
		var out bytes.Buffer
		r := NewReport(&out, Look{})
		for _, s := range tt.statuses {
			r.Tell(Result{"G", "c", Finding{Status: s}})
		}
		r.End()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, tt.want) || r.Healthy() != tt.healthy {
			t.Errorf("%v: %q, healthy %t", tt.statuses, last, r.Healthy())
		}
	}
}

func TestTheReportKeepsToItsTerminal(t *testing.T) {
	res := Result{"Group", "check", Bad(strings.Repeat("wörter ", 30)+"…", "Set "+strings.Repeat("x", 120))}
	for _, look := range []Look{{}, {Colour: true}, {ASCII: true}} {
		var out bytes.Buffer
		NewReport(&out, look).Tell(res)
		text := out.String()
		if strings.Contains(text, "\x1b") != look.Colour {
			t.Errorf("%+v: colours are wrong in %q", look, text)
		}
		if ascii := !strings.ContainsFunc(text, func(r rune) bool { return r > '~' }); ascii != look.ASCII {
			t.Errorf("%+v: ASCII %t: %q", look, ascii, text)
		}
		if !strings.Contains(text, strings.Repeat("x", 120)) {
			t.Errorf("%+v: a word that is to be copied is cut: %q", look, text)
		}
		for line := range strings.Lines(text) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > width+9 && !strings.Contains(line, "xxx") {
				t.Errorf("%+v: %d characters: %s", look, n, line)
			}
		}
	}
}

func TestJSONHoldsEveryResult(t *testing.T) {
	var out bytes.Buffer
	healthy, err := WriteJSON(&out, []Result{{"G", "a", Good("fine <here>")}, {"G", "b", Bad("says", "do")}})
	var got JSON
	if err != nil || healthy || json.Unmarshal(out.Bytes(), &got) != nil {
		t.Fatalf("healthy %t, %v: %s", healthy, err, out.String())
	}
	if len(got.Checks) != 2 || got.Checks[1] != (Line{"b", "G", "fault", "says", "do"}) || !strings.Contains(out.String(), "fine <here>") {
		t.Errorf("%s", out.String())
	}
}

// What nobody decided on is not well.
func TestTheZeroFindingIsAFault(t *testing.T) {
	if (Finding{}).Status != Fault || Fault.String() != "fault" || OK.String() != "ok" {
		t.Error("the zero status is no fault")
	}
}
