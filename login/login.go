package login

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sidegate/access"
	"sidegate/session"
	"sidegate/web"
)

// Options are what a Login works with. All but Further, API, Hint, Patience and Log are
// needed.
type Options struct {
	Client   Client
	Keys     session.Keys
	Store    session.Store // marks attempts as used
	Sessions *session.Manager
	Policy   *access.Book
	Site     *web.Site
	Further  []*Login         // other providers of the same site, of the main one's
	API      API              // what the app may ask the provider's APIs for; zero: nothing
	AskFirst bool             // a page of ours asks before somebody goes on to the provider
	Hint     string           // domain the provider may offer first; never trusted
	Now      func() time.Time // the clock
	Patience time.Duration    // for all that one request asks of the provider; 0: ten seconds
	Log      *slog.Logger     // for what happens outside of a request; nil: nowhere
}

// Login answers our own paths for signing in and out.
type Login struct {
	Options
	provider *provider
	sealer   sealer
	flow     session.Cookie
	origins  *http.CrossOriginProtection
	revoking chan struct{} // holds one for each revocation under way
}

// flowLife is how long a browser keeps the cookie that binds its attempts.
const flowLife = 24 * time.Hour

// New returns a Login. It asks nothing of the provider.
func New(o Options) *Login {
	o.Patience = cmp.Or(o.Patience, providerTime)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return &Login{
		Options:  o,
		provider: newProvider(o.Client, newHTTPClient(o.Patience), o.Now),
		sealer:   sealer{keys: o.Keys, bind: o.Client.bind()},
		flow:     session.NewFlowCookie(strings.HasPrefix(o.Client.Public, "https:"), flowLife),
		origins:  http.NewCrossOriginProtection(),
		revoking: make(chan struct{}, maxRevoking),
	}
}

// Discover asks the provider for its metadata until it answers or ctx is done, so
// that the first person to sign in need not wait.
func (l *Login) Discover(ctx context.Context) {
	for {
		if _, err := l.provider.metadata.get(ctx); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// Ready returns nil when the provider has answered, else why it has not.
func (l *Login) Ready() error { return l.provider.metadata.status() }

// SetClientSecret replaces the client secret: sign-ins use it from then on, those
// under way included. It may be called at any time.
func (l *Login) SetClientSecret(secret string) { l.provider.secret.Store(&secret) }

// path returns the address that begins a sign-in and comes back to returnTo.
func path(returnTo string) string { return "/_gate/login?rd=" + url.QueryEscape(returnTo) }

// Again returns the address at which somebody signed in, or just refused, can
// choose another account.
func Again(returnTo string) string { return path(returnTo) + "&prompt=select_account" }

// redirect sends the browser on, never by 307: a form's body must not travel to
// the provider (RFC 9700 4.12).
func (l *Login) redirect(w http.ResponseWriter, r *http.Request, to, why string) error {
	web.RecordOf(r.Context()).Decision = why
	l.Site.Redirect(w, r, to)
	return nil
}
