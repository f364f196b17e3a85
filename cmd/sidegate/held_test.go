package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sidegate/config"
	"sidegate/session"
	"sidegate/web"
)

// heldLog is a log that holds lines, over out.
func heldLog(out *output) (*slog.Logger, *heldLines) {
	lines := &heldLines{to: out}
	return slog.New(holding{slog.NewJSONHandler(lines, nil), lines, true}), lines
}

// A write for each request costs as much as the rest of its record.
func TestRecordsOfRequestsAreWrittenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		log, _ := heldLog(&out)
		log.Info(web.RecordMessage, "n", 0)
		if got := out.String(); strings.Count(got, "\n") != 1 {
			t.Errorf("the first line waits, though nothing was to do before: %q", got)
		}
		for n := range 50 {
			log.Info(web.RecordMessage, "n", n+1)
		}
		if got := out.String(); strings.Count(got, "\n") != 1 {
			t.Errorf("%d lines were written one by one", strings.Count(got, "\n"))
		}
		time.Sleep(holdTime)
		synctest.Wait()
		for n, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
			if !strings.Contains(line, fmt.Sprintf(`"n":%d}`, n)) {
				t.Errorf("line %d is %s", n, line)
			}
		}
		if got := strings.Count(out.String(), "\n"); got != 51 {
			t.Errorf("after %v there are %d lines, want 51", holdTime, got)
		}
		log.Info(web.RecordMessage, "n", 51)
		time.Sleep(2 * holdTime)
		synctest.Wait()
		if got := strings.Count(out.String(), "\n"); got != 52 {
			t.Errorf("the second time that a line waits it is forgotten: %d lines", got)
		}
	})
}

// What somebody should know now is there now, and everything before it too.
func TestOtherLinesDoNotWaitAndKeepTheirPlace(t *testing.T) {
	for name, say := range map[string]func(*slog.Logger){
		"another message":   func(l *slog.Logger) { l.Info("stopping") },
		"a failed request":  func(l *slog.Logger) { l.Error(web.RecordMessage, "status", 502) },
		"with more to it":   func(l *slog.Logger) { l.With("a", 1).WithGroup("g").Info("stopping", "b", 2) },
		"of an http.Server": func(l *slog.Logger) { slog.NewLogLogger(l.Handler(), slog.LevelInfo).Print("x") },
	} {
		var out output
		log, _ := heldLog(&out)
		log.Info(web.RecordMessage, "n", 0)
		log.Info(web.RecordMessage, "n", 1)
		say(log)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 3 || !strings.Contains(lines[1], `"n":1`) || strings.Contains(lines[2], `"n"`) {
			t.Errorf("%s: %q", name, lines)
		}
	}
}

func TestManyLinesDoNotWaitForTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		log, _ := heldLog(&out)
		long := strings.Repeat("x", 1000)
		for range 2 * holdBytes / len(long) {
			log.Info(web.RecordMessage, "n", long)
		}
		if got := len(out.String()); got < holdBytes {
			t.Errorf("of %d bytes %d are written", 2*holdBytes, got)
		}
	})
}

// The second signal ends the process without a word to it.
func TestNothingWaitsInAProcessThatIsToEnd(t *testing.T) {
	var out output
	log, lines := heldLog(&out)
	for n := range 3 {
		log.Info(web.RecordMessage, "n", n)
	}
	lines.letGo()
	if got := strings.Count(out.String(), "\n"); got != 3 {
		t.Errorf("%d lines of 3 are there", got)
	}
	log.Info(web.RecordMessage, "n", 3)
	if got := strings.Count(out.String(), "\n"); got != 4 {
		t.Errorf("a line after the end waits: %d of 4", got)
	}
}

func TestLinesWaitForAFileAndNotForATerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, lines := newLogger(config.Log{}, streams{err: file}); lines == nil {
		t.Error("lines for a file do not wait")
	}
	terminal, err := os.Open("/dev/ptmx")
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	for _, format := range []string{"", "json", "text"} {
		if _, lines := newLogger(config.Log{Format: format}, streams{err: terminal}); lines != nil {
			t.Errorf("lines for a terminal wait, as %q", format)
		}
	}
}

// SEC-LEAK-06: whoever chose the values, our line is slog's to the byte.
func FuzzARecordIsWrittenAsSlogWritesIt(f *testing.F) {
	for _, text := range []string{"/a", "\"", "\\", "\n", "\x00", "\x1b", "\x7f", "\u2028", "\xff", "<>&'", "\u00e9", ""} {
		f.Add("request", "path", text, int64(200), 1.5, int64(1_700_000_000_123_456_789))
		f.Add("request", text, "/a", int64(math.MinInt64), 0.001, int64(0))
		f.Add(text, "path", "/a", int64(math.MaxInt64), 12.0, int64(-1))
	}
	for _, fraction := range []float64{0, math.Copysign(0, -1), 1e-7, 1e-6, 1e20, 1e21, 0.1, -1, math.NaN(), math.Inf(1)} {
		f.Add("request", "path", "/a", int64(-1), fraction, int64(math.MaxInt64))
	}
	f.Fuzz(func(t *testing.T, message, key, value string, number int64, fraction float64, at int64) {
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("x", 5400)} {
			r := slog.NewRecord(time.Unix(0, at).In(zone), slog.LevelInfo, message, 0)
			r.AddAttrs(slog.String(key, value), slog.Int64("status", number), slog.Float64("ms", fraction), slog.String("last", value))
			got, simple := appendRecord([]byte("before\n"), &r)
			if !simple {
				continue // slog's handler writes it
			}
			var want bytes.Buffer
			want.WriteString("before\n")
			if err := slog.NewJSONHandler(&want, nil).Handle(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if string(got) != want.String() {
				t.Errorf("got  %q\nwant %q", got, want.String())
			}
		}
	})
}

// What has to be escaped is left to slog, and still has its place.
func TestARecordThatIsNotSimpleIsWrittenAllTheSame(t *testing.T) {
	var out output
	log, lines := heldLog(&out)
	log.Info(web.RecordMessage, "n", 0)
	log.Info(web.RecordMessage, "path", "/\"\n\u00e9")
	log.Info(web.RecordMessage, "n", 2, "since", time.Second)
	lines.letGo()
	all := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(all) != 3 || !strings.Contains(all[1], `"path":"/\"\né"`) || !strings.Contains(all[2], `"n":2,"since":1000000000}`) {
		t.Errorf("%q", all)
	}
}

func TestARecordLeavesLittleGarbage(t *testing.T) {
	var out output
	log, _ := heldLog(&out)
	r := slog.NewRecord(time.Now(), slog.LevelInfo, web.RecordMessage, 0)
	r.AddAttrs(slog.String("id", "x"), slog.Int("status", 200), slog.Float64("ms", 1.234))
	handler := log.Handler()
	if got := testing.AllocsPerRun(200, func() { _ = handler.Handle(t.Context(), r) }); got > 1 {
		t.Errorf("%.0f allocations", got)
	}
}

// A process that ends says everything first, and in a file that is where it was read.
func TestAServerThatEndsHasWrittenAllItsLines(t *testing.T) {
	settings(t, append(runnable(), "UPSTREAM=http://127.0.0.1:1")...)
	c, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s, err := newServer(c, config.Load, streams{err: file})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	s.live.Add(session.Session{ID: "a"}, func(session.Reason) {}) // never closes: the end takes its time
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx) }()
	for range 20 {
		res, err := http.Get("http://" + s.public.Addr().String() + "/_gate/healthz")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	stop()
	// Before all else: the second signal would end a process at once.
	through := func() bool {
		s.lines.mu.Lock()
		defer s.lines.mu.Unlock()
		return s.lines.through
	}
	for !through() && len(ended) == 0 {
		time.Sleep(time.Millisecond)
	}
	if len(ended) > 0 {
		t.Error("lines wait while the server ends")
	}
	text, err := os.ReadFile(file.Name())
	if got := strings.Count(string(text), `"path":"/_gate/healthz"`); got != 20 || err != nil {
		t.Errorf("of 20 requests %d are in the log: %v\n%s", got, err, text)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
