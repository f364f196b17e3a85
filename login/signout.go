package login

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"

	"sidegate/session"
	"sidegate/web"
)

// LandingPath is where the provider sends people back to when they have signed
// out there. With PUBLIC_URL before it, it has to be registered at the provider.
const LandingPath = "/_gate/logout/done"

// leave sends the browser on after its sessions have ended: to the provider, to
// sign out there as well, when it is known to have a place for that, and else to
// our own page. What is not known by now is not asked for: a provider that is
// down keeps nobody waiting. why goes to the log.
func (l *Login) leave(w http.ResponseWriter, r *http.Request, ended []session.Session, why string) error {
	for _, at := range l.all() {
		m, ours := at.provider.metadata.known(), at.ofProvider(ended)
		if m == nil || m.endSession == "" || len(ours) == 0 {
			continue
		}
		to, err := at.endSessionURL(m, ours, l.bindBrowser(w, r))
		if err != nil {
			return err
		}
		web.RecordOf(r.Context()).Decision = why
		l.Site.Leave(w, r, to, at.Client.Issuer)
		return nil
	}
	return l.redirect(w, r, "/_gate/logout", why)
}

// ofProvider returns those sessions that came of this provider: another's tokens are
// not for its eyes.
func (l *Login) ofProvider(all []session.Session) (ours []session.Session) {
	for _, s := range all {
		if l.theirs(s) {
			ours = append(ours, s)
		}
	}
	return ours
}

// endSessionURL is the request of RP-Initiated Logout 1.0, section 2.
func (l *Login) endSessionURL(m *metadata, ended []session.Session, flow session.Token) (*url.URL, error) {
	u, err := url.Parse(m.endSession)
	if err != nil {
		return nil, err
	}
	q := u.Query() // the endpoint may have a query of its own
	q.Set("client_id", l.Client.ID)
	q.Set("post_logout_redirect_uri", l.Client.Public+LandingPath)
	q.Set("state", logoutState(flow))
	for _, s := range ended {
		if s.Provider.IDToken != "" {
			q.Set("id_token_hint", s.Provider.IDToken)
			break
		}
	}
	u.RawQuery = q.Encode()
	return u, nil
}

// logoutState ties the way to the provider and back to one browser.
func logoutState(flow session.Token) string {
	sum := sha256.Sum256(append([]byte("sidegate logout\x00"), flow[:]...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// LoggedOut is where people come back to: GET /_gate/logout/done. It does
// nothing, whatever the state (SEC-OUT-07): their session ended before they left,
// and so a link to here from elsewhere ends none. The state only tells the log
// who came from where. Somebody who is signed in, again, is not told otherwise.
func (l *Login) LoggedOut(w http.ResponseWriter, r *http.Request) error {
	if _, err := l.Sessions.Find(r); err == nil {
		return l.redirect(w, r, "/_gate/", "signed_in_already")
	}
	rec := web.RecordOf(r.Context())
	rec.Decision = "signed_out_elsewhere"
	state := r.URL.Query().Get("state")
	for _, flow := range l.flow.Tokens(r) {
		if state == logoutState(flow) {
			rec.Decision = "signed_out_at_provider"
		}
	}
	l.Site.Page(w, r, http.StatusOK, web.SignedOut{SignIn: Again("/")})
	return nil
}
