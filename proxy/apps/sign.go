package apps

import (
	"bytes"
	"context"
	"net/http"
	"strings"
)

// Answer is what a server said to a GET.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // its beginning
}

// Recognise asks a server, through ask, for what only known apps have, and returns
// the app it is; the zero App when it is none of them. An error of ask ends it: a
// server that does not answer is not another app.
func Recognise(ctx context.Context, ask func(ctx context.Context, path string) (Answer, error)) (App, error) {
	heard := map[string]Answer{}
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
		}
		if a.Sign.in(answer) {
			return a, nil
		}
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
