package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// statusClientGone is nginx's word for a client that did not wait. Nobody reads
// it, but without a status net/http would say 200, and a client that closed only
// its sending half would take that for an answer.
const statusClientGone = 499

// challenge goes with every 401, which must carry one (RFC 9110, 15.5.2). Browsers
// open a password box for Basic, Digest and Negotiate alone; this names none.
const challenge = `Cookie realm="sidegate"`

// Fail writes err: the only place that writes errors. A person gets a page,
// everything else JSON; the cause goes to the record and nowhere else
// (SEC-LEAK-07).
//
// An error that comes after the answer began cuts the connection: half an answer
// must not look like a whole one, nor end in an error text (SEC-ERR-05).
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, err error) {
	rec := RecordOf(r.Context())
	e := published(asError(err))
	rec.Decision = cmp.Or(rec.Decision, e.Code)
	if cause := causeOf(err); cause != nil {
		rec.Err = cause
	}
	if rec.Status != 0 {
		panic(http.ErrAbortHandler)
	}
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		rec.Decision = "client_gone"
		s.send(w, r, statusClientGone, "", nil)
		return
	}
	s.failHeader(w.Header(), r, e)
	if WantsHTML(r) {
		s.Page(w, r, e.Status, problem{Error: e, Reload: reloads(r, e)})
		return
	}
	if e.Body != nil {
		s.JSON(w, r, e.Status, e.Body)
		return
	}
	s.JSON(w, r, e.Status, failure(e, rec.ID))
}

// failHeader sets what an error says in its head.
func (s *Site) failHeader(h http.Header, r *http.Request, e Error) {
	if e.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", challenge)
	}
	if e.Retry > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds(e.Retry)))
	}
	if n := reloads(r, e); n > 0 {
		h.Set("Refresh", refresh(r, n))
	}
}

// failure is the JSON of an error. Programs go by Error, people by Message.
func failure(e Error, id string) any {
	f := struct {
		Error     string `json:"error"`
		Message   string `json:"message"`
		RequestID string `json:"request_id,omitempty"`
		LoginURL  string `json:"login_url,omitempty"`
	}{Error: e.Code, Message: e.Public, RequestID: id}
	if e.Status == http.StatusUnauthorized {
		f.LoginURL = ownPath(e.Action.Href)
	}
	return f
}

// published returns a copy of e that is fit to be sent. A status outside 4xx and
// 5xx becomes 500: an error never looks like success.
func published(e *Error) Error {
	out := *e
	if out.Status < 400 || out.Status > 599 {
		out.Status = http.StatusInternalServerError
	}
	out.Code = cmp.Or(out.Code, "error")
	out.Public = cmp.Or(out.Public, "This request could not be answered.")
	return out
}

// causeOf returns what the log should say about err: of a bare *Error its cause,
// as status and code have their own places, and everything of any other error.
func causeOf(err error) error {
	if e, ok := err.(*Error); ok { // not errors.As: what wraps an Error belongs in the log
		return e.Err
	}
	return err
}

// reloads returns after how many seconds a page loads itself again, 0 for never.
// A form is never sent twice.
func reloads(r *http.Request, e Error) int {
	if e.Retry <= 0 || !reads(r) || !WantsHTML(r) {
		return 0
	}
	return seconds(e.Retry)
}

// refresh is a reload without script, after n seconds. It names the address: browsers
// take a refresh of a page at "/a#b" for a step to #b, and load nothing (HTML, navigate,
// step for a fragment). What they alone know is lost with that, the #b.
func refresh(r *http.Request, n int) string {
	if to := ownPath(r.RequestURI); to != "" && !strings.ContainsFunc(to, beyondASCII) {
		return fmt.Sprintf("%d; url=%s", n, to)
	}
	return strconv.Itoa(n)
}

// beyondASCII reports what no address has: in a header its bytes are read in one way,
// in the request line they were in another.
func beyondASCII(c rune) bool { return c > unicode.MaxASCII }

// seconds rounds up: Retry-After: 0 would mean "at once" (RFC 9110, 10.2.3).
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
