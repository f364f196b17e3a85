package web

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// Record collects what the one log line of a request will say. Handlers fill it
// in as they go; nothing else logs in the middle of a request, so that secrets
// have one gate to pass: no query, header, cookie or body ever gets in here.
type Record struct {
	ID       string // request id, also on error pages
	Status   int    // what was answered; 0: nothing yet
	Subject  string // the provider's sub, not the e-mail
	Client   string // address of the client, as far as it is trusted
	Decision string // why the gate answered as it did, one word
	Err      error  // the cause of a failure

	logger   *slog.Logger
	start    time.Time
	detached bool
}

// RecordMessage is the message of the record of a request, and of no other.
const RecordMessage = "request"

type recordKey struct{}

// RecordOf returns the request's record. Outside Site.Record it returns a
// record that nobody reads, never nil.
func RecordOf(ctx context.Context) *Record {
	if rec, ok := ctx.Value(recordKey{}).(*Record); ok {
		return rec
	}
	return &Record{}
}

// Detach has the record written when the function that it returns is called, and
// not when the handler returns: for what outlives its handler, as a tunnel does, and
// shall not hold what net/http holds as long as the handler runs.
func (rec *Record) Detach(r *http.Request) (write func()) {
	rec.detached = true
	method, path := r.Method, r.URL.EscapedPath()
	return func() { rec.write(method, path) }
}

// Record gives every request an id and writes one slog record when it ends. A
// panic becomes one 500 and a closed connection; the process lives (SEC-ERR-06).
// It does not wrap the ResponseWriter: whoever answers notes the status, and the
// tunnel can hijack what net/http gave.
func (s *Site) Record(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Not in one piece with its context: a sleeping tunnel keeps the record alone.
		rec := &Record{ID: rand.Text()[:16], logger: log, start: time.Now()}
		r = r.WithContext(context.WithValue(r.Context(), recordKey{}, rec))
		defer func() {
			if p := recover(); p != nil && s.recovered(w, r, p) {
				defer panic(http.ErrAbortHandler)
			}
			if !rec.detached {
				rec.write(r.Method, r.URL.EscapedPath())
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// recovered answers a panic if nothing was answered yet, and otherwise reports
// that the connection must be cut: half an answer must not look like a whole
// one. The value goes to the log without its stack: a stack may show arguments,
// and arguments secrets.
func (s *Site) recovered(w http.ResponseWriter, r *http.Request, p any) (cut bool) {
	rec := RecordOf(r.Context())
	if p == http.ErrAbortHandler { // net/http compares it so as well
		rec.Decision = "aborted"
		return true
	}
	err := errors.New("panic in a handler")
	if e, ok := p.(error); ok {
		err = e
	}
	if rec.Status != 0 {
		rec.Err = err
		return true
	}
	clear(w.Header()) // half an answer's cookies and types are not this answer's
	w.Header().Set("Connection", "close")
	s.Fail(w, r, err)
	return false
}

func (rec *Record) write(method, path string) {
	if rec.logger == nil {
		return
	}
	level := slog.LevelInfo
	if rec.Status >= 500 {
		level = slog.LevelError
	}
	now := time.Now()
	attrs := make([]slog.Attr, 0, 9)
	attrs = append(attrs,
		slog.String("id", rec.ID),
		slog.String("method", Printable(method)),
		slog.String("path", Printable(path)),
		slog.Int("status", rec.Status),
		slog.Float64("ms", float64(now.Sub(rec.start).Microseconds())/1000),
	)
	for _, a := range []struct{ key, value string }{
		{"client", rec.Client}, {"sub", rec.Subject}, {"decision", rec.Decision},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, Printable(a.value)))
		}
	}
	if rec.Err != nil {
		attrs = append(attrs, slog.String("error", Printable(rec.Err.Error())))
	}
	// Not by a Logger: it would look up who calls it, for each request.
	ctx, handler := context.Background(), rec.logger.Handler()
	if !handler.Enabled(ctx, level) {
		return
	}
	line := slog.NewRecord(now, level, RecordMessage, 0)
	line.AddAttrs(attrs...)
	_ = handler.Handle(ctx, line) // a log that cannot be written has nowhere to say so
}

// maxLogged bounds one value in the log, in bytes: an error can quote a whole
// document of the provider's.
const maxLogged = 500

// Printable keeps values that others chose from steering a terminal. slog's
// handlers escape line breaks and ESC, but its JSON leaves DEL, the C1 controls
// and the marks that turn the direction of text as they are.
func Printable(s string) string {
	if len(s) > maxLogged {
		s = s[:maxLogged]
	}
	if printableASCII(s) { // nearly always
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
