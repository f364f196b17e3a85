package tokens

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sidegate/session"
	"sidegate/web"
)

// TicketHeader is where the app finds its ticket, and where it may put it.
const TicketHeader = "X-User-Ticket"

// RefusedHeader is where the app may say which access token an API did not take: it is
// renewed then, whatever its end.
const RefusedHeader = "X-Refused-Token"

// token is the answer to GET /token. There is no refresh token in it.
type token struct {
	Access  string         `json:"access_token"`
	Expires int64          `json:"expires_at"` // Unix seconds
	Scopes  session.Scopes `json:"scopes"`
}

// refusal is the answer when the person has to do something first.
type refusal struct {
	Error      string         `json:"error"`
	Message    string         `json:"message"`
	ConnectURL string         `json:"connect_url"`
	Missing    session.Scopes `json:"missing_scopes,omitempty"`
}

// Token answers GET /token?scopes=… on the private listener.
func (k *Keeper) Token(w http.ResponseWriter, r *http.Request) error {
	ticket, err := readTicket(r)
	if err != nil {
		return err
	}
	asked, err := readScopes(r)
	if err != nil {
		return err
	}
	who, err := k.Sessions.Holder(r.Context(), ticket)
	switch {
	case errors.Is(err, session.ErrNone):
		return sessionEnded()
	case err != nil:
		return storeDown(err)
	}
	web.RecordOf(r.Context()).Subject = who.Identity.Subject
	if k.Allowed == nil || !k.Allowed(who) {
		return &web.Error{Status: http.StatusForbidden, Code: "not_allowed", Public: "This account may not use this app any more."}
	}
	held, err := k.fresh(r.Context(), ticket, who.Expires, r.Header.Get(RefusedHeader))
	if err != nil && !errors.Is(err, session.ErrNone) {
		return notNow(err)
	}
	if err := k.judge(held, asked); err != nil {
		return err
	}
	k.Site.JSON(w, r, http.StatusOK, token{Access: held.Access, Expires: held.Expires.Unix(), Scopes: held.Scopes})
	return nil
}

// judge returns nil when the tokens held are good for what is asked.
func (k *Keeper) judge(held session.Tokens, asked session.Scopes) error {
	switch missing := held.Scopes.Missing(asked); {
	case !held.IsZero() && !k.good(held):
		return k.refuse(http.StatusConflict, refusal{
			Error: "reconnect_required", Message: "The provider does not take what was granted any more. Send the person to connect_url.",
			ConnectURL: k.connectURL(held.Scopes.And(asked...)),
		})
	case held.IsZero(), len(missing) > 0:
		return k.refuse(http.StatusForbidden, refusal{
			Error: "insufficient_scope", Message: "The person has not granted this. Send them to connect_url.",
			ConnectURL: k.connectURL(asked), Missing: missing,
		})
	}
	return nil
}

func (k *Keeper) connectURL(scopes session.Scopes) string { return k.Public + k.Connect(scopes) }

func (k *Keeper) refuse(status int, r refusal) error {
	return &web.Error{Status: status, Code: r.Error, Public: r.Message, Body: r}
}

// readTicket takes the ticket from a header, never from the address, which is kept in
// many places.
func readTicket(r *http.Request) (session.Ticket, error) {
	given := r.Header.Values(TicketHeader)
	for _, line := range r.Header.Values("Authorization") {
		scheme, value, _ := strings.Cut(line, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			value = "" // another one's
		}
		given = append(given, strings.TrimSpace(value))
	}
	if len(given) == 0 {
		return session.Ticket{}, &web.Error{
			Status: http.StatusUnauthorized, Code: "ticket_required",
			Public: "Send the " + TicketHeader + " header of the person's own request along.",
		}
	}
	for _, g := range given[1:] {
		if g != given[0] {
			return session.Ticket{}, &web.Error{Status: http.StatusBadRequest, Code: "two_tickets", Public: "Send one ticket."}
		}
	}
	t, ok := session.ParseTicket(given[0])
	if !ok {
		return session.Ticket{}, sessionEnded()
	}
	return t, nil
}

func readScopes(r *http.Request) (session.Scopes, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	asked, ok := session.ParseScopes(q.Get("scopes"))
	if err != nil || !ok || len(q["scopes"]) > 1 {
		return nil, &web.Error{
			Status: http.StatusBadRequest, Code: "bad_scopes",
			Public: "Name the scopes once, as scopes=, with blanks or commas between them.",
		}
	}
	return asked, nil
}

func sessionEnded() error {
	return &web.Error{
		Status: http.StatusUnauthorized, Code: "session_ended",
		Public: "The session of this ticket is over. The person has to open the page again.",
	}
}

func storeDown(err error) error {
	return &web.Error{
		Status: http.StatusServiceUnavailable, Code: "store_unavailable",
		Public: "We cannot look up sign-ins at the moment. Nobody has been signed out.",
		Retry:  5 * time.Second, Err: err,
	}
}

func notNow(err error) error {
	return &web.Error{
		Status: http.StatusServiceUnavailable, Code: "token_unavailable",
		Public: "There is no new access token at the moment. Try again shortly.",
		Retry:  5 * time.Second, Err: err,
	}
}
