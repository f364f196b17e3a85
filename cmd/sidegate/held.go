package main

import (
	"context"
	"io"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"

	"sidegate/web"
)

const (
	// holdTime is how long the record of a request may wait for others, to be written
	// together with them: a write costs as much as all else that the record does.
	holdTime = 100 * time.Millisecond
	// holdBytes is how many may wait.
	holdBytes = 32 << 10
)

// heldLines is a log whose lines can be written a little later, many at a time. Their
// order stays. A line that follows nothing for as long as one waits is written at once:
// where there is little to do, nothing waits.
type heldLines struct {
	to io.Writer

	mu      sync.Mutex
	lines   []byte
	written time.Time   // when something was written last
	timer   *time.Timer // nil: nothing has waited yet
	armed   bool        // the timer is
	through bool        // nothing waits any more
}

// Write implements io.Writer: what it is given waits until it is written.
func (h *heldLines) Write(line []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, line...)
	return len(line), nil
}

// soon has what waits written before long.
func (h *heldLines) soon(now time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.soonLocked(now)
}

func (h *heldLines) soonLocked(now time.Time) error {
	if h.through || len(h.lines) >= holdBytes || now.Sub(h.written) >= holdTime {
		return h.writeLocked()
	}
	if h.armed {
		return nil
	}
	h.armed = true
	if h.timer == nil {
		h.timer = time.AfterFunc(holdTime, h.late)
	} else {
		h.timer.Reset(holdTime)
	}
	return nil
}

// late is the timer's call.
func (h *heldLines) late() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.armed = false
	_ = h.writeLocked() // a log that cannot be written has nowhere to say so
}

// write writes at once what waits.
func (h *heldLines) write() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writeLocked()
}

func (h *heldLines) writeLocked() error {
	if len(h.lines) == 0 {
		return nil
	}
	_, err := h.to.Write(h.lines)
	h.written = time.Now()
	if h.lines = h.lines[:0]; cap(h.lines) > 2*holdBytes {
		h.lines = nil
	}
	return err
}

// letGo ends all waiting: a process that is to end may be made to at any moment. A nil
// heldLines holds nothing.
func (h *heldLines) letGo() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.through = true
	_ = h.writeLocked()
}

// holding is a slog.Handler by which records of requests may wait. Anything else is
// written at once, and so is a request that failed, with all that waits before it.
type holding struct {
	slog.Handler
	lines *heldLines
	json  bool // a record looks as appendRecord writes it
}

func (h holding) Handle(ctx context.Context, r slog.Record) error {
	waits := r.Level < slog.LevelWarn && r.Message == web.RecordMessage
	if waits && h.json && h.lines.add(&r) {
		return nil
	}
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	if waits {
		return h.lines.soon(r.Time)
	}
	return h.lines.write()
}

func (h holding) WithAttrs(attrs []slog.Attr) slog.Handler {
	return holding{Handler: h.Handler.WithAttrs(attrs), lines: h.lines}
}

func (h holding) WithGroup(name string) slog.Handler {
	return holding{Handler: h.Handler.WithGroup(name), lines: h.lines}
}

// add reports false when r is not as simple as appendRecord wants it.
func (h *heldLines) add(r *slog.Record) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	lines, simple := appendRecord(h.lines, r)
	if !simple {
		return false
	}
	h.lines = lines
	_ = h.soonLocked(r.Time) // as slog's own Logger does with what Handle returns
	return true
}

// appendRecord appends r as slog's JSON handler does, which makes garbage of numbers
// with a fraction. It leaves to that handler what has to be escaped, and is not simple.
func appendRecord(b []byte, r *slog.Record) (_ []byte, simple bool) {
	year := r.Time.Year()
	if !isPlain(r.Message) || year < 0 || year > 9999 || r.Time.IsZero() {
		return b, false
	}
	b = append(r.Time.AppendFormat(append(b, `{"time":"`...), time.RFC3339Nano), `","level":"`...)
	b = append(append(b, r.Level.String()...), `","msg":"`...)
	b = append(append(b, r.Message...), '"')
	r.Attrs(func(a slog.Attr) bool {
		b, simple = appendAttr(b, a)
		return simple
	})
	return append(b, "}\n"...), simple
}

func appendAttr(b []byte, a slog.Attr) (_ []byte, simple bool) {
	if !isPlain(a.Key) || a.Key == "" {
		return b, false
	}
	b = append(append(append(b, `,"`...), a.Key...), `":`...)
	switch a.Value.Kind() {
	case slog.KindString:
		text := a.Value.String()
		return append(append(append(b, '"'), text...), '"'), isPlain(text)
	case slog.KindInt64:
		return strconv.AppendInt(b, a.Value.Int64(), 10), true
	case slog.KindFloat64:
		// Others have an exponent in JSON, or cannot be there.
		f := a.Value.Float64()
		return strconv.AppendFloat(b, f, 'f', -1, 64), f == 0 && !math.Signbit(f) || f >= 1e-6 && f < 1e21
	}
	return b, false
}

// isPlain reports whether s is in JSON what it is here.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
