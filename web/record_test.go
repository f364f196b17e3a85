package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

// logs runs one request through Site.Record for each kind of log and returns
// what was written, by kind.
func logs(r *http.Request, h Handler) map[string]string {
	var text, js bytes.Buffer
	s := &Site{}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&js, nil)} {
		s.Record(slog.New(handler), s.Handle(h)).ServeHTTP(httptest.NewRecorder(), r)
	}
	return map[string]string{"text": text.String(), "json": js.String()}
}

// SEC-LEAK-05: the query is where codes, states and people's searches are.
func TestRecordIsOneLineWithoutTheQuery(t *testing.T) {
	r := httptest.NewRequest("GET", "/_gate/callback?code=canary-code&state=canary-state", nil)
	r.Header.Set("Cookie", "sidegate=canary-cookie")
	r.Header.Set("Authorization", "Bearer canary-token")
	r.Header.Set("User-Agent", "canary-agent")
	for kind, out := range logs(r, func(w http.ResponseWriter, r *http.Request) error {
		rec := RecordOf(r.Context())
		rec.Subject, rec.Client, rec.Decision = "sub-1", "192.0.2.1", "signed_in"
		(&Site{}).JSON(w, r, 200, "ok")
		return nil
	}) {
		if strings.Count(out, "\n") != 1 || strings.Contains(out, "canary") {
			t.Errorf("%s: got %s", kind, out)
		}
		for _, want := range []string{"/_gate/callback", "sub-1", "192.0.2.1", "signed_in", "200", "GET"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %s is missing in %s", kind, want, out)
			}
		}
	}
}

// SEC-LEAK-06: neither a second line nor a terminal command, whoever wrote it.
func TestRecordCannotBeForged(t *testing.T) {
	const evil = "a\r\nlevel=INFO msg=request id=FORGED \x1b[2J\x1b]0;owned\x07 \"quoted\" \x00\x7f\u009b31m\u202e\u2028 \xff"
	r := httptest.NewRequest("GET", "/", nil)
	r.URL = &url.URL{Path: "/" + evil, RawPath: "/" + evil}
	for kind, out := range logs(r, func(w http.ResponseWriter, r *http.Request) error {
		rec := RecordOf(r.Context())
		rec.Subject, rec.Client, rec.Decision = evil, evil, evil
		return errors.New(evil)
	}) {
		if strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "\n") {
			t.Errorf("%s: more than one line: %q", kind, out)
		}
		for _, c := range out[:len(out)-1] {
			if !unicode.IsPrint(c) {
				t.Errorf("%s: control character %U reaches the log: %q", kind, c, out)
				break
			}
		}
		if kind == "json" {
			var line struct{ ID, Msg string }
			if err := json.Unmarshal([]byte(out), &line); err != nil || line.ID == "FORGED" || line.Msg != "request" {
				t.Errorf("JSON line is not what was written: %v %q", err, out)
			}
		}
	}
}

// SEC-ERR-06.
func TestPanicIsOne500AndTheProcessLives(t *testing.T) {
	s := &Site{}
	for name, value := range map[string]any{"string": "canary-value", "error": errors.New("cause"), "out of range": nil} {
		url, log := serve(t, s, func(w http.ResponseWriter, r *http.Request) error {
			if r.URL.Path == "/fine" {
				s.JSON(w, r, 200, "ok")
				return nil
			}
			if value == nil {
				_ = r.URL.Path[len(r.URL.Path)] // what a bug does: an error of the runtime's
			}
			panic(value)
		})
		for _, kind := range []string{asPage, "Accept: */*"} {
			resp, body := do(t, "GET", url, kind)
			if resp.StatusCode != 500 || !resp.Close {
				t.Errorf("%s, %s: got %d, closed %t; want 500 and a closed connection", name, kind, resp.StatusCode, resp.Close)
			}
			if strings.Contains(body, "canary") || strings.Contains(body, "panic") {
				t.Errorf("%s, %s: the answer tells of the panic: %s", name, kind, body)
			}
		}
		if resp, _ := do(t, "GET", url+"/fine"); resp.StatusCode != 200 {
			t.Errorf("%s: next request got %d", name, resp.StatusCode)
		}
		lines := log()
		if strings.Count(lines, "status=500") != 2 || strings.Count(lines, "\n") != 3 || strings.Contains(lines, "goroutine") {
			t.Errorf("%s: log:\n%s", name, lines)
		}
	}
}

// http.ErrAbortHandler is how a proxy says that its answer is torn.
func TestAbortCutsTheConnectionQuietly(t *testing.T) {
	s := &Site{}
	url, log := serve(t, s, func(w http.ResponseWriter, r *http.Request) error {
		RecordOf(r.Context()).Status = 200
		w.WriteHeader(200)
		io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	})
	resp, err := http.Get(url)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("the answer looks whole")
	}
	if lines := log(); !strings.Contains(lines, "decision=aborted") {
		t.Errorf("log: %s", lines)
	}
}

func TestRequestIDsDiffer(t *testing.T) {
	seen := map[string]bool{}
	s := &Site{}
	h := s.Record(slog.New(slog.DiscardHandler), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen[RecordOf(r.Context()).ID] = true
	}))
	for range 100 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	if len(seen) != 100 {
		t.Errorf("%d ids for 100 requests", len(seen))
	}
}

func TestRecordOfIsNeverNil(t *testing.T) {
	RecordOf(t.Context()).Status = 200
}

// What outlives its handler has one line as well, when it is over.
func TestADetachedRecordIsWrittenOnceByWhoTookIt(t *testing.T) {
	var write func()
	var buf bytes.Buffer
	(&Site{}).Record(slog.New(slog.NewTextHandler(&buf, nil)), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		write = RecordOf(r.Context()).Detach(r)
		RecordOf(r.Context()).Decision = "closed"
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/socket?canary", nil))
	if buf.Len() > 0 {
		t.Errorf("written when the handler returned: %s", buf.String())
	}
	write()
	if out := buf.String(); strings.Count(out, "\n") != 1 || !strings.Contains(out, "path=/socket ") || !strings.Contains(out, "decision=closed") {
		t.Errorf("got %q, want one line with what was noted", out)
	}
}
