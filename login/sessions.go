package login

import (
	"errors"
	"net/http"
	"time"

	"sidegate/session"
	"sidegate/web"
)

// everySession is the value of the field "end" that ends all of a person's
// sessions; no session has such an id.
const everySession = "all"

// EndSessions ends sessions of the person who asks, one by its id or all of them:
// POST /_gate/sessions, by the buttons of the account page. It looks at nobody
// else's, and nobody else's page can press the buttons (SEC-OUT-05).
func (l *Login) EndSessions(w http.ResponseWriter, r *http.Request) error {
	if !l.intended(r) {
		return &web.Error{
			Status: http.StatusForbidden, Code: "foreign_form",
			Public: "This came from another site, so nobody has been signed out.",
			Action: web.Action{Label: "Your account", Href: "/_gate/"},
		}
	}
	s, err := l.Sessions.Find(r)
	switch {
	case errors.Is(err, session.ErrNone):
		return &web.Error{
			Status: http.StatusUnauthorized, Code: "session_required",
			Public: "You are no longer signed in here, and other browsers have not been signed out. Sign in to do that.",
			Action: web.Action{Label: "Sign in", Href: path("/_gate/")},
		}
	case err != nil:
		return endFailed(err)
	}
	web.RecordOf(r.Context()).Subject = s.Identity.Subject
	which, err := formValue(w, r, "end")
	if err != nil {
		return err
	}
	switch which {
	case everySession:
		return l.endEvery(w, r, s)
	case s.ID:
		return l.Logout(w, r)
	}
	if _, err := l.Sessions.EndOne(r.Context(), s.Identity, which); err != nil {
		return endFailed(err)
	}
	// It may have ended by itself meanwhile; the page shows what is left.
	return l.redirect(w, r, "/_gate/", "session_ended")
}

// endEvery ends all sessions of a person, this browser's last: the cookie stays
// until the others are over, so that they can be asked for again.
func (l *Login) endEvery(w http.ResponseWriter, r *http.Request, s session.Session) error {
	if _, err := l.Sessions.EndSubject(r.Context(), s.Identity.Issuer, s.Identity.Subject); err != nil {
		return endFailed(err)
	}
	if _, err := l.Sessions.End(w, r); err != nil {
		return endFailed(err)
	}
	l.unmark(r)
	// Those of other browsers are ended here alone; each has its own at the provider.
	here := []session.Session{s}
	l.giveBack(here)
	return l.leave(w, r, here, "signed_out_everywhere")
}

const (
	maxForm  = 1 << 10 // bytes
	formTime = 3 * time.Second
)

// formValue returns the one value of a field of a posted form, the address's query
// left aside.
func formValue(w http.ResponseWriter, r *http.Request, field string) (string, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(formTime)) // net/http lifts it for the next request
	err := r.ParseForm()
	if values := r.PostForm[field]; err == nil && len(values) == 1 && values[0] != "" {
		return values[0], nil
	}
	return "", &web.Error{
		Status: http.StatusBadRequest, Code: "bad_form",
		Public: "This form is not one of ours, so nobody has been signed out.",
		Action: web.Action{Label: "Your account", Href: "/_gate/"}, Err: err,
	}
}

// endFailed promises nothing: the store may have done a part before it failed
// (SEC-OUT-06).
func endFailed(err error) error {
	return &web.Error{
		Status: http.StatusServiceUnavailable, Code: "sign_out_failed",
		Public: "Probably nobody was signed out: we cannot reach the place where sign-ins are kept. Try again in a moment.",
		Action: web.Action{Label: "Your account", Href: "/_gate/"}, Err: err,
	}
}
