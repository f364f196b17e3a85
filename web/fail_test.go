package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// fails is a Handler that returns err.
func fails(err error) Handler {
	return func(http.ResponseWriter, *http.Request) error { return err }
}

// SEC-PAGE-03: a person gets a page, a program JSON, and Error.Body as it is.
func TestErrorSpeaksTheLanguageOfTheAsker(t *testing.T) {
	s := &Site{}
	full := &Error{
		Status: 401, Code: "session_required", Public: "Sign in & go on.",
		Action: Action{Label: "Sign in", Href: "/_gate/login?rd=%2Fa"},
	}
	url, _ := serve(t, s, fails(full))

	resp, page := do(t, "GET", url, asPage)
	if resp.StatusCode != 401 || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("page load: got %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	for _, want := range []string{"<h1>Please sign in</h1>", "Sign in &amp; go on.", `href="/_gate/login?rd=%2Fa"`, ">Sign in</a>"} {
		if !strings.Contains(page, want) {
			t.Errorf("page lacks %s", want)
		}
	}

	resp, body := do(t, "GET", url)
	var got map[string]string
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("not JSON: %s", body)
	}
	if resp.StatusCode != 401 || got["error"] != "session_required" || got["message"] != full.Public ||
		got["login_url"] != full.Action.Href || len(got["request_id"]) != 16 || len(got) != 4 {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}

	if resp, body := do(t, "POST", url, asPage); !strings.Contains(body, "<h1>Please sign in</h1>") {
		t.Errorf("form: got %d %s", resp.StatusCode, body)
	}

	withBody := *full
	withBody.Body = "Your session has ended. Reload the page."
	url, _ = serve(t, s, fails(&withBody))
	if _, body := do(t, "GET", url); body != `"Your session has ended. Reload the page."`+"\n" {
		t.Errorf("Body became %s", body)
	}
	if _, page := do(t, "GET", url, asPage); !strings.Contains(page, "Sign in &amp; go on.") {
		t.Error("a page load got the Body for programs")
	}
}

// SEC-PAGE-03: RFC 9110, 15.5.2 asks for a challenge, and a password box of the
// browser in front of a dashboard would catch Google passwords.
func TestUnauthorizedNeverOpensAPasswordBox(t *testing.T) {
	s := &Site{}
	for _, kind := range []string{asPage, "Accept: */*"} {
		url, _ := serve(t, s, fails(&Error{Status: 401}))
		resp, _ := do(t, "GET", url, kind)
		scheme, _, _ := strings.Cut(resp.Header.Get("WWW-Authenticate"), " ")
		switch strings.ToLower(scheme) {
		case "", "basic", "digest", "ntlm", "negotiate", "bearer", "hoba", "mutual":
			t.Errorf("%s: challenge of scheme %q", kind, scheme)
		}
	}
	url, _ := serve(t, s, fails(&Error{Status: 403}))
	if resp, _ := do(t, "GET", url); resp.Header.Get("WWW-Authenticate") != "" {
		t.Error("403 carries a challenge")
	}
}

// SEC-LEAK-07: what Error.Err, a plain error or a panic says stays in the log.
func TestCauseReachesTheLogAndNobodyElse(t *testing.T) {
	const secret = "dial tcp 10.0.0.7:6379: WRONGPASS"
	s := &Site{}
	for name, h := range map[string]Handler{
		"Error":         fails(&Error{Status: 503, Code: "store_unavailable", Public: "Wait.", Err: errors.New(secret)}),
		"wrapped Error": fails(fmt.Errorf("%s: %w", secret, &Error{Status: 503})),
		"plain error":   fails(errors.New(secret)),
		"panic":         func(http.ResponseWriter, *http.Request) error { panic(errors.New(secret)) },
	} {
		for _, kind := range []string{asPage, "Accept: */*"} {
			url, log := serve(t, s, h)
			resp, body := do(t, "GET", url, kind)
			answer := fmt.Sprint(resp.Header, body)
			for _, leak := range []string{"10.0.0.7", "WRONGPASS", "goroutine", ".go:", "go1."} {
				if strings.Contains(answer, leak) {
					t.Errorf("%s, %s: answer has %q", name, kind, leak)
				}
			}
			if lines := log(); !strings.Contains(lines, "WRONGPASS") || !strings.Contains(lines, "level=ERROR") {
				t.Errorf("%s, %s: cause missing in the log: %s", name, kind, lines)
			}
		}
	}
}

func TestRequestIDOfThePageIsThatOfTheLog(t *testing.T) {
	s := &Site{}
	url, log := serve(t, s, fails(errors.New("x")))
	_, page := do(t, "GET", url, asPage)
	_, rest, _ := strings.Cut(page, "request id <code>")
	id, _, ok := strings.Cut(rest, "</code>")
	if lines := log(); !ok || !strings.Contains(lines, "id="+id+" ") {
		t.Errorf("page shows %q, log says %s", id, lines)
	}
}

func TestWaitingPageReloadsItself(t *testing.T) {
	s := &Site{}
	starting := &Error{Status: 503, Code: "app_starting", Public: "The app is starting…", Retry: 4200 * time.Millisecond}
	for _, tt := range []struct{ name, method, kind, refresh string }{
		{"page load", "GET", asPage, "5; url=/"},
		{"form: never sent again", "POST", asPage, ""},
		{"program", "GET", "Accept: */*", ""},
	} {
		url, _ := serve(t, s, fails(starting))
		resp, body := do(t, tt.method, url, tt.kind)
		if got := resp.Header.Get("Refresh"); got != tt.refresh {
			t.Errorf("%s: Refresh = %q, want %q", tt.name, got, tt.refresh)
		}
		if got := resp.Header.Get("Retry-After"); got != "5" {
			t.Errorf("%s: Retry-After = %q, want 5", tt.name, got)
		}
		if says := strings.Contains(body, "reloads by itself in 5 seconds"); says != (tt.refresh != "") {
			t.Errorf("%s: page speaks of a reload: %t", tt.name, says)
		}
	}
	url, _ := serve(t, s, fails(&Error{Status: 503}))
	if resp, _ := do(t, "GET", url, asPage); resp.Header.Get("Retry-After")+resp.Header.Get("Refresh") != "" {
		t.Error("an error without Retry sends Retry-After or Refresh")
	}
}

// SEC-PAGE-02: the address that the page reloads is the one it has, as it came, and
// leads nowhere else: a browser takes "//host" for another site.
func TestAPageReloadsItsOwnAddressAndNoOther(t *testing.T) {
	s := &Site{}
	for target, want := range map[string]string{
		"/": "5; url=/", "/a/b?x=1&y=%2F;z=,\"'": "5; url=/a/b?x=1&y=%2F;z=,\"'",
		"//evil.example/": "5", `/\evil.example`: "5", "http://evil.example/": "5", "*": "5", "/\xc3\xa4": "5",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RequestURI = target
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		w := httptest.NewRecorder()
		s.Fail(w, r, &Error{Status: 503, Retry: 5 * time.Second})
		if got := w.Header().Get("Refresh"); got != want {
			t.Errorf("%q reloads by %q, want %q", target, got, want)
		}
	}
}

func TestDecisionInTheRecordIsTheCodeUnlessSaidBetter(t *testing.T) {
	s := &Site{}
	url, log := serve(t, s, func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.Path == "/said" {
			RecordOf(r.Context()).Decision = "domain"
		}
		return &Error{Status: 403, Code: "not_allowed"}
	})
	do(t, "GET", url+"/code")
	do(t, "GET", url+"/said")
	lines := log()
	if !strings.Contains(lines, "path=/code status=403") || !strings.Contains(lines, "decision=not_allowed") || !strings.Contains(lines, "decision=domain") {
		t.Errorf("log:\n%s", lines)
	}
	if strings.Contains(lines, "error=") || strings.Contains(lines, "level=ERROR") {
		t.Errorf("an ordinary refusal is logged as a failure:\n%s", lines)
	}
}

// A shared *Error, such as a package's variable, serves many requests at once.
func TestFailLeavesTheErrorAlone(t *testing.T) {
	shared := &Error{Status: 7}
	w := httptest.NewRecorder()
	(&Site{}).Fail(w, httptest.NewRequest("GET", "/", nil), shared)
	if w.Code != 500 {
		t.Errorf("got %d, want 500", w.Code)
	}
	if *shared != (Error{Status: 7}) {
		t.Errorf("Fail changed the error to %+v", *shared)
	}
}

// A client that closed only its sending half still reads; it must not be told
// 200, which net/http says where nothing else is said.
func TestClientGoneIsNotedAndNeverTold200(t *testing.T) {
	s := &Site{}
	url, log := serve(t, s, func(w http.ResponseWriter, r *http.Request) error {
		<-r.Context().Done()
		return fmt.Errorf("ask the store: %w", r.Context().Err())
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	conn.(*net.TCPConn).CloseWrite()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil && resp.StatusCode != statusClientGone {
		t.Errorf("got %d, want %d", resp.StatusCode, statusClientGone)
	}
	lines := log()
	if !strings.Contains(lines, "status=499") || !strings.Contains(lines, "decision=client_gone") || strings.Contains(lines, "level=ERROR") {
		t.Errorf("log: %s", lines)
	}
}

// The same error while the client is there is a failure of ours.
func TestCanceledWorkOfAPresentClientIsAnError(t *testing.T) {
	s := &Site{}
	url, _ := serve(t, s, fails(context.Canceled))
	if resp, _ := do(t, "GET", url); resp.StatusCode != 500 {
		t.Errorf("got %d, want 500", resp.StatusCode)
	}
}

// SEC-ERR-05, SEC-ERR-06: after an answer began, nothing is glued to it, and the
// missing end shows.
func TestErrorAfterTheAnswerBeganCutsTheConnection(t *testing.T) {
	s := &Site{}
	began := func(w http.ResponseWriter, r *http.Request) {
		RecordOf(r.Context()).Status = 200
		io.WriteString(w, "half of a")
		w.(http.Flusher).Flush()
	}
	for name, h := range map[string]Handler{
		"error": func(w http.ResponseWriter, r *http.Request) error { began(w, r); return errors.New("lost the app") },
		"panic": func(w http.ResponseWriter, r *http.Request) error { began(w, r); panic(errors.New("lost the app")) },
	} {
		url, log := serve(t, s, h)
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil {
			t.Errorf("%s: the answer looks whole: %q", name, body)
		}
		if string(body) != "half of a" {
			t.Errorf("%s: got %q", name, body)
		}
		if lines := log(); !strings.Contains(lines, "lost the app") || strings.Count(lines, "\n") != 1 {
			t.Errorf("%s: log: %s", name, lines)
		}
	}
}

func TestOnlyRefusesOtherMethodsAndNamesItsOwn(t *testing.T) {
	s := &Site{}
	url, _ := serve(t, s, Only(kinds(s)["json"], "GET", "POST"))
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 200, "PUT": 405, "OPTIONS": 405} {
		resp, _ := do(t, method, url)
		if resp.StatusCode != want || want == 405 && resp.Header.Get("Allow") != "GET, POST" {
			t.Errorf("%s: got %d, Allow %q; want %d", method, resp.StatusCode, resp.Header.Get("Allow"), want)
		}
	}
}
