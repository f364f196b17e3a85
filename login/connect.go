package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"sidegate/session"
	"sidegate/web"
)

// ConnectPath is where an app sends people whose consent it needs for more.
const ConnectPath = "/_gate/connect"

// ConnectQuery returns the address that asks for scopes; whoever sends people there
// adds &rd=, the path to come back to.
func ConnectQuery(scopes session.Scopes) string {
	return ConnectPath + "?" + url.Values{"scopes": {scopes.String()}}.Encode()
}

// Connect asks the person for scopes that the app needs now: GET
// /_gate/connect?scopes=…&rd=/path. Who has granted them already is sent on at once;
// who is not signed in signs in on the way.
func (l *Login) Connect(w http.ResponseWriter, r *http.Request) error {
	if err := wantsPage(r); err != nil {
		return err
	}
	q, _ := url.ParseQuery(strings.ReplaceAll(r.URL.RawQuery, ";", "%3B"))
	returnTo, _ := ReturnPath(q.Get("rd"))
	asked, ok := session.ParseScopes(q.Get("scopes"))
	if len(asked) == 0 && ok {
		asked = l.API.SignIn
	}
	if refused := l.API.refused(asked); !ok || len(asked) == 0 || len(refused) > 0 {
		return &web.Error{
			Status: http.StatusForbidden, Code: "scope_not_listed",
			Public: "This link asks for access that this site does not use. Whoever runs it lists in SIDEGATE_CONNECT_SCOPES what its pages may ask for.",
			Action: web.Action{Label: "Continue", Href: returnTo},
		}
	}
	s, err := l.Sessions.Find(r)
	if err != nil && !errors.Is(err, session.ErrNone) {
		return storeDown(err)
	}
	if !s.Identity.IsZero() && !l.theirs(s) {
		return &web.Error{
			Status: http.StatusForbidden, Code: "nothing_to_connect",
			Public: "The app's access is granted at " + l.Client.Title + ", and you are signed in with an account of another provider, which has nothing to connect.",
			Action: web.Action{Label: "Continue", Href: returnTo},
		}
	}
	scopes, consent, err := l.lacking(r.Context(), asked, s)
	switch {
	case err != nil:
		return storeDown(err)
	case len(scopes) == 0:
		return l.redirect(w, r, returnTo, "connected_already")
	}
	var hint []oauth2.AuthCodeOption
	if err == nil && s.Identity.Email != "" {
		hint = append(hint, oauth2.SetAuthURLParam("login_hint", s.Identity.Email))
	}
	return l.begin(w, r, returnTo, func(a *attempt) {
		a.Connect, a.Scopes, a.Consent = true, scopes, consent
	}, hint...)
}

// lacking returns what has to be asked for so that a session has what an app asked:
// nothing, when all of it is there and stays; at Google what is missing, since it adds
// that to what was granted before; elsewhere all of it. Consent is asked for when
// there is no refresh token, which comes with nothing else.
func (l *Login) lacking(ctx context.Context, asked session.Scopes, s session.Session) (scopes session.Scopes, consent bool, err error) {
	if s.Identity.IsZero() { // a sign-in on the way
		return l.API.SignIn.And(asked...), true, nil
	}
	held, err := l.Sessions.Tokens(ctx, l.Sessions.Ticket(s))
	missing := held.Scopes.Missing(asked)
	switch {
	case err != nil && !errors.Is(err, session.ErrNone):
		return nil, false, err
	case held.Refresh == "":
		return held.Scopes.And(asked...), true, nil
	case len(missing) == 0:
		return nil, false, nil
	case l.Client.Issuer == GoogleIssuer:
		return missing, false, nil
	}
	return held.Scopes.And(asked...), false, nil
}

// attach gives a session the tokens that its person has just granted: in turn with
// whoever refreshes the old ones, unless that takes too long. What the person did last
// is what counts, and a refresh that comes later finds it there.
func (l *Login) attach(ctx context.Context, s session.Session, got session.Tokens) error {
	ticket := l.Sessions.Ticket(s)
	turn, err := l.awaitTurn(ctx, ticket)
	if err != nil {
		return err
	}
	if turn != nil {
		defer turn.End(ctx)
	}
	held, err := l.Sessions.Tokens(ctx, ticket)
	if err != nil && !errors.Is(err, session.ErrNone) {
		return err
	}
	if got.Refresh == "" {
		got.Refresh = held.Refresh // Google sends one with a consent alone
	}
	return l.Sessions.PutTokens(ctx, ticket, s.Expires, got)
}

// attachTime is how long somebody who comes back from the provider waits for a refresh
// that is under way.
const attachTime = 5 * time.Second

// awaitTurn takes a session's turn; nil, when it was not to be had in time.
func (l *Login) awaitTurn(ctx context.Context, t session.Ticket) (*session.Turn, error) {
	for late := time.After(attachTime); ; {
		turn, taken, err := l.Sessions.TakeTurn(ctx, t)
		if err != nil || taken {
			return turn, err
		}
		select {
		case <-late:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// connected ends an attempt of somebody who is signed in. Whoever chose another
// account at the provider is told so: its tokens are not for this session, and the
// session is not theirs to change.
func (l *Login) connected(w http.ResponseWriter, r *http.Request, a attempt, s session.Session, in session.SignIn) error {
	if !s.Identity.Same(in.Identity) {
		return &web.Error{
			Status: http.StatusForbidden, Code: "other_account",
			Public: "You chose another account than the one you are signed in with here. Nothing was connected.",
			Action: web.Action{Label: "Try again", Href: ConnectQuery(a.Scopes) + "&rd=" + url.QueryEscape(a.Return)},
		}
	}
	switch err := l.attach(r.Context(), s, in.Tokens); {
	case errors.Is(err, session.ErrNone):
		return l.redirect(w, r, l.path(a.Return), "session_ended_meanwhile")
	case err != nil:
		return l.notKept(err, a)
	}
	if len(in.Tokens.Scopes.Missing(a.Scopes)) > 0 {
		return l.redirect(w, r, a.Return, "connected_in_part")
	}
	return l.redirect(w, r, a.Return, "connected")
}
