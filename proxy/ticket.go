package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"sidegate/session"
	"sidegate/upstream"
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

// Push sends an access token along with each request, for apps that read one and do
// not ask. A token in a WebSocket's handshake is not renewed.
type Push struct {
	Header string                                        // reserved by Headers.Reserve
	Access func(context.Context, session.Session) string // "": none
}

// bearer is what a request carries besides who it is from.
type bearer struct {
	ticket session.Ticket
	header string // of access; empty: none
	access string
}

type bearerKey struct{}

// withTicket returns a context that carries the ticket of a session to says. All
// requests carry it, whether or not something is connected yet: a WebSocket has the
// headers of its handshake for as long as it lives, and the person may connect later.
func (g *Gate) withTicket(ctx context.Context, s session.Session) context.Context {
	if b := g.bearer(ctx, s); b != nil {
		return context.WithValue(ctx, bearerKey{}, b)
	}
	return ctx
}

// bearer returns what a request carries besides who it is from; nil: nothing.
func (g *Gate) bearer(ctx context.Context, s session.Session) *bearer {
	if g.Tokens == nil {
		return nil
	}
	b := &bearer{ticket: g.Tokens.Ticket(s)}
	if g.Push != nil {
		b.header, b.access = g.Push.Header, g.Push.Access(ctx, s)
	}
	return b
}

// appendTo adds the ticket to what the app is told, and the token if there is one.
func (b *bearer) appendTo(fields []upstream.Field) []upstream.Field {
	if b == nil {
		return fields
	}
	fields = append(fields, upstream.Field{Name: ticketHeader, Value: b.ticket.Reveal()})
	if b.access != "" {
		fields = append(fields, upstream.Field{Name: b.header, Value: b.access})
	}
	return fields
}

// Reserve keeps a header for what is not said of the person: no browser sends it to
// the app, and it is an error if one of the headers has that name.
func (t *Headers) Reserve(name string) error {
	folded := fold(name)
	if t.own[folded] || folded == fold(ticketHeader) {
		return fmt.Errorf("names %s, which says something else; choose another name", name)
	}
	t.own[folded] = true
	return nil
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
