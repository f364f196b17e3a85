package login

import (
	"net/http"
	"net/url"

	"sidegate/web"
)

// Ended is where an open page of the app's is led when its session has ended: GET
// /_gate/ended. It asks before it signs in: a provider that remembers the person
// would undo a sign-out in another tab at once.
func (l *Login) Ended(w http.ResponseWriter, r *http.Request) error {
	to := l.cameFrom(r)
	if _, err := l.Sessions.Find(r); err == nil { // signed in again meanwhile
		return l.redirect(w, r, to, "signed_in")
	}
	l.Site.Page(w, r, http.StatusOK, web.Ended{SignIn: path(to)})
	return nil
}

// AppLogin answers where a log-in button of the app's own leads: back to the app for
// who is signed in, which is nearly always so.
func (l *Login) AppLogin(w http.ResponseWriter, r *http.Request) error {
	to := l.cameFrom(r)
	if _, err := l.Sessions.Find(r); err == nil {
		return l.redirect(w, r, to, "signed_in")
	}
	return l.redirect(w, r, path(to), "sign_in")
}

// cameFrom returns the page of the app's from which a browser came, "/" when it does
// not say: a navigation within an origin tells all of the address by default
// (Referrer Policy 3.7).
func (l *Login) cameFrom(r *http.Request) string {
	u, err := url.Parse(r.Header.Get("Referer"))
	if err != nil || u.Scheme+"://"+u.Host != l.Client.Public {
		return "/"
	}
	to, _ := ReturnPath(u.RequestURI())
	return to
}
