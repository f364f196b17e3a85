package apps

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
)

// Answer is what a server said to a GET.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // its beginning
}

// ErrStarting says that a server answers, but not yet as it will.
var ErrStarting = errors.New("the app is starting, or fails")

// Recognise asks a server, through ask, for what only known apps have, and returns
// the app it is; the zero App when it is none of them. An error of ask ends it: a
// server that does not answer is not another app. Nor is one that fails: ErrStarting.
func Recognise(ctx context.Context, ask func(ctx context.Context, path string) (Answer, error)) (App, error) {
	heard, failed := map[string]Answer{}, false
	for _, a := range All() {
		if a.Sign.Path == "" {
			continue
		}
		answer, ok := heard[a.Sign.Path]
		if !ok {
			var err error
			if answer, err = ask(ctx, a.Sign.Path); err != nil {
				return App{}, err
			}
			heard[a.Sign.Path] = answer
			failed = failed || answer.Status >= 500
		}
		if a.Sign.in(answer) {
			return a, nil
		}
	}
	if failed {
		return App{}, ErrStarting
	}
	return App{}, nil
}

func (s Sign) in(a Answer) bool {
	want := s.Status
	if want == 0 {
		want = http.StatusOK
	}
	name, value, _ := strings.Cut(s.Header, ": ")
	return a.Status == want && strings.HasPrefix(a.Header.Get(name), value) && bytes.Contains(a.Body, []byte(s.Body))
}
