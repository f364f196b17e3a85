package proxy

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"sidegate/session"
	"sidegate/web"
)

// ticketHeader carries to the app what it asks for its person's API tokens with. No
// dialect has it, and none can set it: it is no word about the person.
const ticketHeader = "X-User-Ticket"

// Tokens is what the gate needs of session.Manager where an app can ask for API
// tokens.
type Tokens interface {
	Ticket(s session.Session) session.Ticket
	// Tokens returns those of a ticket's session, session.ErrNone when there are none.
	Tokens(ctx context.Context, t session.Ticket) (session.Tokens, error)
}

type ticketKey struct{}

// withTicket returns a context that carries the ticket of a session to prepare. All
// requests carry it, whether or not something is connected yet: a WebSocket has the
// headers of its handshake for as long as it lives, and the person may connect later.
func (g *Gate) withTicket(ctx context.Context, s session.Session) context.Context {
	if g.Tokens == nil {
		return ctx
	}
	return context.WithValue(ctx, ticketKey{}, g.Tokens.Ticket(s))
}

// setTicket adds the ticket to a request to the app.
func setTicket(h http.Header, ctx context.Context) {
	if t, ok := ctx.Value(ticketKey{}).(session.Ticket); ok {
		h[ticketHeader] = []string{t.Reveal()}
	}
}

// connection says what the app can do at the provider in the name of a person.
func (g *Gate) connection(r *http.Request, s session.Session) web.Connection {
	if g.Tokens == nil {
		return web.Connection{}
	}
	held, err := g.Tokens.Tokens(r.Context(), g.Tokens.Ticket(s))
	switch {
	case errors.Is(err, session.ErrNone):
		return web.Connection{}
	case err != nil:
		web.RecordOf(r.Context()).Err = err
		return web.Connection{Unknown: true}
	}
	again := url.Values{"scopes": {held.Scopes.String()}, "rd": {"/_gate/"}}
	return web.Connection{
		Scopes: held.Scopes, Lost: held.Lost, Again: "/_gate/connect?" + again.Encode(), End: "/_gate/disconnect",
	}
}
