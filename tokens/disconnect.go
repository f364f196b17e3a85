package tokens

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"sidegate/session"
	"sidegate/web"
)

// DisconnectPath is where the button of the account page leads.
const DisconnectPath = "/_gate/disconnect"

// Disconnect forgets the tokens of the session and gives them back at the provider:
// POST /_gate/disconnect, by a form of our own alone. In this order, so that nothing
// is kept here whatever the provider says; of that the person is told.
func (k *Keeper) Disconnect(w http.ResponseWriter, r *http.Request) error {
	account := web.Action{Label: "Your account", Href: "/_gate/"}
	if k.origins.Check(r) != nil {
		return &web.Error{
			Status: http.StatusForbidden, Code: "foreign_form",
			Public: "This came from another site, so nothing has been disconnected.", Action: account,
		}
	}
	s, err := k.Sessions.Find(r)
	switch {
	case errors.Is(err, session.ErrNone):
		return &web.Error{
			Status: http.StatusUnauthorized, Code: "session_required",
			Public: "You are no longer signed in here. What was connected is forgotten with that.",
			Action: web.Action{Label: "Sign in", Href: "/_gate/login?rd=%2F_gate%2F"},
		}
	case err != nil:
		return storeDown(err)
	}
	rec := web.RecordOf(r.Context())
	rec.Subject = s.Identity.Subject
	held, err := k.forget(r.Context(), k.Sessions.Ticket(s))
	if err != nil {
		return &web.Error{
			Status: http.StatusServiceUnavailable, Code: "disconnect_failed",
			Public: "Nothing has been disconnected: we cannot reach the place where sign-ins are kept. Try again in a moment.",
			Action: account, Err: err,
		}
	}
	if last := cmp.Or(held.Refresh, held.Access); last != "" {
		err = k.Provider.RevokeGrant(r.Context(), s.Identity.Issuer, last)
	}
	if err != nil {
		return &web.Error{
			Status: http.StatusBadGateway, Code: "not_revoked",
			Public: "This site has forgotten its access, but the provider did not confirm that it is withdrawn. You can withdraw it in your account there.",
			Action: account, Err: err,
		}
	}
	rec.Decision = "disconnected"
	k.Site.Redirect(w, r, "/_gate/")
	return nil
}

// forget drops the tokens and returns what they were. It waits for a refresh that is
// under way: what that brings has to be given back as well.
func (k *Keeper) forget(ctx context.Context, t session.Ticket) (session.Tokens, error) {
	waiting, cancel := context.WithTimeout(ctx, longWait)
	defer cancel()
	turn, _, err := k.await(waiting, t, func(session.Tokens) bool { return true })
	if turn == nil {
		if errors.Is(err, session.ErrNone) { // there are none any more
			return session.Tokens{}, nil
		}
		return session.Tokens{}, err
	}
	defer turn.End(ctx)
	held, err := k.Sessions.Tokens(ctx, t)
	if errors.Is(err, session.ErrNone) {
		return session.Tokens{}, nil
	}
	if err != nil {
		return session.Tokens{}, err
	}
	return held, k.Sessions.DropTokens(ctx, t)
}
