package tokens

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"sidegate/session"
	"sidegate/web"
)

// Provider is what is asked of the OpenID provider; login.Login does it.
type Provider interface {
	// Refresh returns new tokens for those held. session.ErrGrantLost: the provider
	// will not take their refresh token any more; any other error passes.
	Refresh(ctx context.Context, held session.Tokens) (session.Tokens, error)
	// RevokeGrant gives a token of that issuer's back. errors.ErrUnsupported: it is not
	// this provider, or has no place for that.
	RevokeGrant(ctx context.Context, issuer, token string) error
}

// Options are what a Keeper works with; all but Log are needed.
type Options struct {
	Sessions *session.Manager
	Provider Provider
	Allowed  func(session.Info) bool // whether who holds a session may still pass; nil: nobody
	Connect  func(session.Scopes) string
	Public   string // our origin, before the path that Connect returns
	Site     *web.Site
	Now      func() time.Time
	Log      *slog.Logger
}

// Keeper keeps tokens fresh and hands out the one kind of them.
type Keeper struct {
	Options
	origins *http.CrossOriginProtection

	mu      sync.Mutex
	flights map[session.Ticket]*flight
}

// flight is a refresh under way, or one that failed a moment ago.
type flight struct {
	done   chan struct{}
	tokens session.Tokens
	err    error
}

// NewKeeper returns a Keeper.
func NewKeeper(o Options) *Keeper {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return &Keeper{Options: o, origins: http.NewCrossOriginProtection(), flights: make(map[session.Ticket]*flight)}
}

const (
	// earliest is how long before its end an access token is renewed at most; of one
	// with a short life the last third.
	earliest = 5 * time.Minute
	// youngest is how old a token has to be before it is renewed because an API has
	// refused it: an app that says so of each one costs the provider no more than that.
	youngest = 5 * time.Second
	// spare is what has to be left of a token that is handed out at all: it is on its
	// way to an API.
	spare = 10 * time.Second
	// shortWait is how long somebody waits for a new token while the old one is good:
	// a provider that hangs is not the app's business yet.
	shortWait = 2 * time.Second
	// longWait is how long they wait otherwise, and how long all may take.
	longWait = 20 * time.Second
	// restTime is how long a failure stands for the next try: a hundred calls while
	// the provider is down are not a hundred tries.
	restTime = 2 * time.Second
)

func life(t session.Tokens) time.Duration { return t.Expires.Sub(t.Obtained) }

// due reports whether tokens should be renewed, and can be: soon at their end, or
// because an API has refused this very access token, "" for none. A grant that was
// withdrawn at the provider shows in no other way before the token's end.
func (k *Keeper) due(t session.Tokens, refused string) bool {
	now := k.Now()
	return t.Refresh != "" && (t.Expires.Sub(now) < min(earliest, life(t)/3) ||
		t.Access == refused && refused != "" && now.Sub(t.Obtained) >= youngest)
}

// good reports whether the access token can be handed out.
func (k *Keeper) good(t session.Tokens) bool {
	return t.Access != "" && t.Expires.Sub(k.Now()) > min(spare, life(t)/6)
}

// fresh returns the tokens of a ticket's session, renewed if it is time, or if refused
// is what they are. ErrNone: there are none.
func (k *Keeper) fresh(ctx context.Context, t session.Ticket, expires time.Time, refused string) (session.Tokens, error) {
	held, err := k.Sessions.Tokens(ctx, t)
	if err != nil || !k.due(held, refused) {
		return held, err
	}
	good := k.good(held) && held.Access != refused
	patience := longWait
	if good {
		patience = shortWait
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := k.refresh(ctx, t, expires, refused)
	if err != nil && !errors.Is(err, session.ErrNone) && good {
		return held, nil
	}
	return got, err
}

// refresh renews tokens, once for all who ask at the same time. It goes on when they
// leave: what the provider has sent must not be lost.
func (k *Keeper) refresh(ctx context.Context, t session.Ticket, expires time.Time, refused string) (session.Tokens, error) {
	k.mu.Lock()
	f := k.flights[t]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		k.flights[t] = f
		go k.fly(context.WithoutCancel(ctx), f, t, expires, refused)
	}
	k.mu.Unlock()
	select {
	case <-f.done:
		return f.tokens, f.err
	case <-ctx.Done():
		return session.Tokens{}, ctx.Err()
	}
}

func (k *Keeper) fly(ctx context.Context, f *flight, t session.Ticket, expires time.Time, refused string) {
	ctx, cancel := context.WithTimeout(ctx, longWait)
	defer cancel()
	f.tokens, f.err = k.renew(ctx, t, expires, refused)
	land := func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.flights, t)
	}
	if f.err != nil && !errors.Is(f.err, session.ErrNone) {
		k.Log.Warn("access token not renewed", "error", web.Printable(f.err.Error()))
		time.AfterFunc(restTime, land)
	} else {
		land()
	}
	close(f.done)
}
