package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Handler is an http.Handler that may fail. What it returns is written in one
// place, Site.Fail: the public part to the person, the cause to the log.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Error is a failure with two faces: Public is shown to the person who asked,
// Err goes to the log alone. The zero Status answers 500.
type Error struct {
	Status int           // HTTP status
	Code   string        // one word for programs, such as "session_required"
	Title  string        // heading of the page; empty: what follows from the status
	Public string        // one or two sentences: what happened, what to do
	Since  time.Time     // when the trouble began; zero: not known, or not known to last
	Action Action        // where the person can go on; none when zero
	Retry  time.Duration // > 0: sent as Retry-After, and the page reloads itself
	Body   any           // replaces the JSON answer of non-browsers when not nil
	Err    error         // the cause, for the log only
}

// Action is a link that lets a person go on. Href is a path of our own origin.
type Action struct{ Label, Href string }

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%d %s", e.Status, e.Code)
	}
	return fmt.Sprintf("%d %s: %v", e.Status, e.Code, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// asError returns err as an *Error; anything that is not one is a 500 whose text
// stays in the log.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{
		Status: http.StatusInternalServerError,
		Code:   "internal",
		Public: "Something went wrong on our side. Try again; if it stays, tell whoever runs this site the request id below.",
		Err:    err,
	}
}

// Only lets a handler answer the given methods alone, and HEAD along with GET.
func Only(h Handler, methods ...string) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if slices.Contains(methods, r.Method) || r.Method == http.MethodHead && slices.Contains(methods, http.MethodGet) {
			return h(w, r)
		}
		w.Header().Set("Allow", strings.Join(methods, ", "))
		return &Error{Status: http.StatusMethodNotAllowed, Code: "method_refused", Public: "This address does not answer that method."}
	}
}
