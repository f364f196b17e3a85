package proxy

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sidegate/access"
	"sidegate/identity"
	"sidegate/proxy/apps"
	"sidegate/session"
	"sidegate/web"
)

// Finder finds the session of a request; session.Manager does.
type Finder interface {
	Sessions
	// Find returns the session of the request's cookie; session.ErrNone when
	// there is none, any other error when the store cannot say.
	Find(r *http.Request) (session.Session, error)
	// Sessions returns the sessions of a person, the one used last first.
	Sessions(ctx context.Context, who identity.Identity) ([]session.Info, error)
}

// Gate lets through to the app who has a session and may pass, and what is
// public. A Gate without sessions or policy lets nothing through.
type Gate struct {
	Sessions Finder
	Policy   *access.Book
	Public   access.PublicPaths
	Origins  Origins
	Forward  *Forwarder
	Tunnels  *Tunnels
	Tokens   Tokens // nil: the app gets no tickets
	Push     *Push  // nil: it gets no access tokens unless it asks
	Site     *web.Site
}

// Serve answers one request that is not for a path of our own. See the package
// comment for the order. A WebSocket is never public: a socket lives as long as
// its session, and a public one would have none.
func (g *Gate) Serve(w http.ResponseWriter, r *http.Request) error {
	if !asksForWebSocket(r) && g.Public.Match(r.Method, rawPath(r)) {
		if err := g.Forward.check(r); err != nil {
			return err
		}
		web.RecordOf(r.Context()).Decision = "public"
		g.Forward.serve(w, r, nil, nil)
		return nil
	}
	var socket *tunnel
	err := g.admit(w, r, g.withoutSession, func(s session.Session, who identity.Identity) (err error) {
		if err := g.Forward.check(r); err != nil {
			return err
		}
		socket, err = g.pass(w, r, s, who)
		return err
	})
	if socket != nil {
		// The handler returns, and with it goes what net/http keeps for it: its stack and
		// the request would be most of what a sleeping socket costs (FLT-28).
		rec := web.RecordOf(r.Context())
		write := rec.Detach(r)
		socket.start(func(why string) {
			rec.Decision = why
			write()
		})
	}
	return err
}

// admit calls next with the session of somebody who may pass, decided again on
// each request, and with who that is at present; and none for somebody without a
// session.
func (g *Gate) admit(w http.ResponseWriter, r *http.Request, none web.Handler, next func(session.Session, identity.Identity) error) error {
	s, err := g.Sessions.Find(r)
	switch {
	case errors.Is(err, session.ErrNone):
		return none(w, r)
	case err != nil:
		return storeDown(err)
	}
	rec := web.RecordOf(r.Context())
	rec.Subject = s.Identity.Subject
	who, d := g.Policy.Admit(r.Context(), s.Identity)
	if !d.Allowed {
		rec.Decision = "refused_" + d.Reason
		return g.refuse(w, r, who, d)
	}
	return next(s, who)
}

// pass forwards the request of somebody who may, and returns the tunnel if it
// opened one.
func (g *Gate) pass(w http.ResponseWriter, r *http.Request, s session.Session, who identity.Identity) (*tunnel, error) {
	socket := asksForWebSocket(r)
	if socket {
		if err := cmp.Or(checkHandshake(r), g.Origins.check(r)); err != nil {
			return nil, err
		}
	}
	// A failure to note activity costs the person nothing now.
	if _, err := g.Sessions.Touch(r.Context(), s); errors.Is(err, session.ErrNone) {
		return nil, g.withoutSession(w, r)
	}
	web.RecordOf(r.Context()).Decision = "allowed"
	if socket {
		r = r.WithContext(g.withTicket(identity.NewContext(r.Context(), who), s))
		return g.Tunnels.open(w, r, s, g.Policy)
	}
	g.Tunnels.forward(w, r, s, g.Policy, &visitor{who: who, bearer: g.bearer(r.Context(), s)})
	return nil, nil
}

// withoutSession sends a page load to sign in and tells anything else that it
// must: a script cannot follow a redirect to another origin, and each poll of a
// sleeping tab would begin a sign-in.
func (g *Gate) withoutSession(w http.ResponseWriter, r *http.Request) error {
	if !web.IsPageLoad(r) {
		return g.Forward.sessionRequired(w, r)
	}
	web.RecordOf(r.Context()).Decision = "sign_in"
	g.Site.Redirect(w, r, g.Forward.public.own(r)+loginPath(r))
	return nil
}

// loginPath is where a sign-in begins that comes back to this request.
func loginPath(r *http.Request) string { return "/_gate/login?rd=" + url.QueryEscape(r.RequestURI) }

// sessionRequired is the 401 of what is not a page load. An app's own calls get the
// form of it that its page shows to the person, if there is one.
func (f *Forwarder) sessionRequired(_ http.ResponseWriter, r *http.Request) error {
	e := &web.Error{
		Status: http.StatusUnauthorized, Code: "session_required",
		Public: "You are not signed in, or your session has ended. Open the page again to sign in.",
		Action: web.Action{Label: "Sign in", Href: "/_gate/login?rd=%2F"},
	}
	app, path := f.preset.App(), rawPath(r)
	ended := app.Ended
	if ended == nil {
		ended = apps.StreamlitEnded // no other app has such paths
	}
	e.Body = ended(path)
	if app.Waits != nil && app.Waits(path) {
		e.Status = http.StatusFailedDependency
	}
	return e
}

// refuse tells somebody who is signed in that this account may not pass, and how
// to take another one.
func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, id identity.Identity, d access.Decision) error {
	if d.Unsure {
		return &web.Error{
			Status: http.StatusServiceUnavailable, Code: "groups_unknown",
			Public: "We cannot find out at the moment which groups you are in. You are still signed in.",
			Retry:  5 * time.Second,
		}
	}
	if !web.WantsHTML(r) {
		return &web.Error{Status: http.StatusForbidden, Code: "not_allowed", Public: "This account may not use this app."}
	}
	g.Site.Page(w, r, http.StatusForbidden, web.Refused{Email: id.Email, Switch: loginPath(r) + "&prompt=select_account"})
	return nil
}

// storeDown is the answer when nobody can say whether there is a session: never
// a sign-in, never a cleared cookie, never the app.
func storeDown(err error) error {
	return &web.Error{
		Status: http.StatusServiceUnavailable, Code: "store_unavailable",
		Public: "We cannot look up sign-ins at the moment. Nobody has been signed out.",
		Retry:  5 * time.Second, Err: err,
	}
}

// rawPath is the request target up to the query, as it came and will be sent.
func rawPath(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return path
}
