package login

import (
	"errors"
	"net/http"

	"sidegate/session"
	"sidegate/web"
)

// Logout ends the session: POST or GET /_gate/logout. Only a request that our own
// pages caused does so; others get a page with a button, so that no image on
// another site signs people out (SEC-OUT-05).
func (l *Login) Logout(w http.ResponseWriter, r *http.Request) error {
	s, err := l.Sessions.Find(r)
	switch {
	case errors.Is(err, session.ErrNone):
		if l.intended(r) {
			if _, err := l.Sessions.End(w, r); err != nil {
				return logoutFailed(err)
			}
		}
		l.Site.Page(w, r, http.StatusOK, web.SignedOut{SignIn: Again("/")})
		return nil
	case err != nil:
		return logoutFailed(err)
	}
	web.RecordOf(r.Context()).Subject = s.Identity.Subject
	if !l.intended(r) {
		l.Site.Page(w, r, http.StatusOK, web.ConfirmSignOut{Email: s.Identity.Email})
		return nil
	}
	if r.Method == http.MethodGet && r.URL.RawQuery != left {
		return l.leavePage(w, r)
	}
	ended, err := l.Sessions.End(w, r)
	if err != nil {
		return logoutFailed(err)
	}
	l.unmark(r)
	l.giveBack(ended)
	return l.leave(w, r, ended, "signed_out")
}

// left is the query of a GET that comes from a page of our own.
const left = "left"

// leavePage has the browser let go of the page with the link or button that was
// followed, before the session ends: a live page whose session ends is led away, and
// would take the browser back from where the sign-out leads it, the provider's
// included.
func (l *Login) leavePage(w http.ResponseWriter, r *http.Request) error {
	const next = "/_gate/logout?" + left
	web.RecordOf(r.Context()).Decision = "signing_out"
	w.Header().Set("Refresh", "0; url="+next)
	l.Site.Page(w, r, http.StatusOK, web.Leaving{Next: next})
	return nil
}

// intended reports whether the request comes from a page of our own origin: a
// form's POST, or a link followed there.
func (l *Login) intended(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost:
		return l.origins.Check(r) == nil
	case http.MethodGet:
		return r.Header.Get("Sec-Fetch-Site") == "same-origin" && r.Header.Get("Sec-Fetch-Mode") == "navigate"
	}
	return false
}

// logoutFailed tells the truth: the session is still good (SEC-OUT-06).
func logoutFailed(err error) error {
	e := &web.Error{
		Status: http.StatusServiceUnavailable, Code: "logout_failed",
		Public: "You are still signed in: we cannot reach the place where sign-ins are kept. Try again in a moment.",
		Action: web.Action{Label: "Try again", Href: "/_gate/logout"}, Err: err,
	}
	return e
}
