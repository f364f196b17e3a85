package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sidegate/session"
	"sidegate/web"
)

// Start begins a sign-in: GET /_gate/login?rd=/path[&prompt=select_account]. Where there
// are several providers, &provider=NAME chooses one, and without it the person does. So it is
// for one, with AskFirst.
//
// Somebody who is signed in is sent on at once, so that another site cannot swap
// their session by linking here; with prompt=select_account the provider asks
// them first.
func (l *Login) Start(w http.ResponseWriter, r *http.Request) error {
	if err := wantsPage(r); err != nil {
		return err
	}
	// A semicolon is part of a value (WHATWG URL 5.1); net/url drops that parameter.
	q, _ := url.ParseQuery(strings.ReplaceAll(r.URL.RawQuery, ";", "%3B"))
	returnTo, _ := ReturnPath(q.Get("rd"))
	choose, again := q.Get("prompt") == "select_account", q.Get("again") == "1"
	turns := 0
	if !choose && !again { // whose sign-in begins again by itself has not come back from one
		turns = l.turns(r)
	}
	if !choose {
		switch _, err := l.Sessions.Find(r); {
		case err == nil:
			return l.redirect(w, r, returnTo, "signed_in_already")
		case !errors.Is(err, session.ErrNone):
			return storeDown(err)
		case turns > 1 && q.Get("loop") == "":
			return l.loop(r, returnTo)
		}
	}
	at := l.chosen(q)
	if at == nil {
		return l.choose(w, r, returnTo, choose)
	}
	return at.begin(w, r, returnTo, func(a *attempt) {
		a.Switch, a.Again, a.After = choose, again, turns > 0
		// A new session has no refresh token yet, whatever the former one had.
		a.Scopes, a.Consent = at.API.SignIn, len(at.API.SignIn) > 0
	})
}

// wantsPage refuses what no person sees: a sign-in cannot go on there.
func wantsPage(r *http.Request) error {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return &web.Error{
			Status: http.StatusUnauthorized, Code: "session_required",
			Public: "Signing in needs a page of its own: open this address in the browser.",
		}
	}
	return nil
}

// begin sends the browser to the provider with an attempt that set has completed.
func (l *Login) begin(w http.ResponseWriter, r *http.Request, returnTo string, set func(*attempt), more ...oauth2.AuthCodeOption) error {
	ctx, cancel := context.WithTimeout(r.Context(), l.Patience)
	defer cancel()
	m, err := l.provider.metadata.get(ctx)
	if err != nil {
		return providerDown(err)
	}
	a := newAttempt(returnTo, l.bindBrowser(w, r), l.Now())
	a.Astray = l.astray(r)
	set(&a)
	state, err := l.sealer.seal(a)
	if err != nil {
		return err
	}
	options := append(append(l.parameters(a), l.provider.askForAPI(m, a)...), more...)
	return l.redirect(w, r, m.oauth.AuthCodeURL(state, options...), "login_started")
}

// parameters are those of the authorization request (OpenID Connect Core 3.1.2.1)
// besides client, redirect URI, scope and state.
func (l *Login) parameters(a attempt) []oauth2.AuthCodeOption {
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.nonce()), oauth2.S256ChallengeOption(a.verifier())}
	if prompt := a.prompt(); prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", prompt))
	}
	if l.Hint != "" {
		options = append(options, oauth2.SetAuthURLParam("hd", l.Hint))
	}
	return options
}

// bindBrowser returns the browser's flow token and keeps its cookie alive. One
// token serves all attempts of a browser: tabs that sign in at once do not
// overwrite each other's.
func (l *Login) bindBrowser(w http.ResponseWriter, r *http.Request) session.Token {
	flow := session.NewToken()
	if known := l.flow.Tokens(r); len(known) > 0 {
		flow = known[0]
	}
	l.flow.Set(w, flow.Cookie())
	return flow
}

func storeDown(err error) error {
	return &web.Error{
		Status: http.StatusServiceUnavailable, Code: "store_unavailable",
		Public: "We cannot look up sign-ins at the moment. Nobody has been signed out.",
		Retry:  5 * time.Second, Err: err,
	}
}

func providerDown(err error) error {
	return &web.Error{
		Status: http.StatusServiceUnavailable, Code: "provider_unavailable",
		Public: "The sign-in service does not answer at the moment.",
		Retry:  5 * time.Second, Err: err,
	}
}
