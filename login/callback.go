package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sidegate/explain"
	"sidegate/session"
	"sidegate/web"
)

// maxCallback bounds the callback's query, in bytes (SEC-DOS-04).
const maxCallback = 16 << 10

// Callback is the redirect URI: GET of Client.CallbackPath. See the package comment
// for its order.
func (l *Login) Callback(w http.ResponseWriter, r *http.Request) error {
	if len(r.URL.RawQuery) > maxCallback {
		return &web.Error{
			Status: http.StatusRequestURITooLong, Code: "callback_invalid",
			Public: "This sign-in link is too long to be ours. Start from the beginning.",
			Action: web.Action{Label: "Sign in", Href: path("/")},
		}
	}
	answer, err := readAnswer(r)
	if err != nil {
		return badAnswer(err)
	}
	a, sealed := l.sealer.open(answer.state)
	s, err := l.Sessions.Find(r)
	if err != nil && !errors.Is(err, session.ErrNone) {
		return storeDown(err)
	}
	signedIn := err == nil
	if !sealed {
		if signedIn {
			return l.redirect(w, r, "/", "foreign_callback")
		}
		return badAnswer(errors.New("state does not open"))
	}
	if err := l.accept(r, a); err != nil {
		if signedIn {
			return l.redirect(w, r, a.Return, "late_callback")
		}
		return l.startAgain(w, r, a, err)
	}
	// Another tab got through meanwhile: this one needs no second session, which
	// would end the first.
	if signedIn && !a.Switch && !a.Connect {
		return l.redirect(w, r, a.Return, "signed_in_meanwhile")
	}
	if answer.issuer != "" && answer.issuer != l.Client.Issuer {
		return badAnswer(errors.New("iss is another provider")) // RFC 9207 2.4
	}
	if answer.failure != "" {
		return l.refusedByProvider(answer.failure, a)
	}
	if answer.code == "" {
		return badAnswer(errors.New("neither code nor error"))
	}
	return l.finish(w, r, a, s, answer.code)
}

// finish spends the attempt and the code. What it needs to know of the provider
// it asks before that: until the attempt is spent, the page can be loaded again.
// here is the session that there is, zero without one.
func (l *Login) finish(w http.ResponseWriter, r *http.Request, a attempt, here session.Session, code string) error {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(r.Context(), l.provider.http), l.Patience)
	defer cancel()
	m, err := l.provider.metadata.get(ctx)
	if err != nil {
		return providerDown(err)
	}
	first, err := l.Store.PutIfAbsent(r.Context(), a.usedKey(), []byte{1}, attemptLife+clockSkew)
	if err != nil {
		return storeDown(err)
	}
	if !first {
		if _, err := l.Sessions.Find(r); err == nil {
			return l.redirect(w, r, a.Return, "callback_repeated")
		}
		return &web.Error{
			Status: http.StatusBadRequest, Code: "callback_repeated",
			Public: "This sign-in was used already. If you are not signed in, sign in once more.",
			Action: web.Action{Label: "Continue", Href: l.path(a.Return)},
		}
	}
	in, err := l.exchange(ctx, m, a, code)
	if err != nil {
		l.failed(ctx, a, err)
		return err
	}
	rec := web.RecordOf(r.Context())
	rec.Subject = in.Identity.Subject
	if a.Connect && !here.Identity.IsZero() {
		return l.connected(w, r, a, here, in)
	}
	switch _, d := l.Policy.Admit(ctx, in.Identity); {
	case d.Allowed:
	case d.Unsure:
		rec.Decision = "refused_" + d.Reason
		return l.groupsUnknown(a)
	default:
		rec.Decision = "refused_" + d.Reason
		l.Site.Page(w, r, http.StatusForbidden, web.Refused{Email: in.Identity.Email, Switch: Again(a.Return)})
		return nil
	}
	in.Address = rec.Client
	if _, err := l.Sessions.Create(w, r, in); err != nil {
		return l.notKept(err, a)
	}
	l.markSignIn(r.Context(), r, a)
	return l.redirect(w, r, a.Return, "signed_in")
}

// failedLife is how long a code that brought nobody in is known as used. Anybody can make
// up codes, as many as the store has room for; that their sender cannot have one looked
// at twice within a minute is enough.
const failedLife = time.Minute

// failed notes that an attempt is spent on a code that the provider did not take.
func (l *Login) failed(ctx context.Context, a attempt, why error) {
	if e, ok := errors.AsType[*web.Error](why); ok && e.Code == "code_rejected" {
		_ = l.Store.Replace(ctx, a.usedKey(), []byte{1}, failedLife) // or it stays for longer
	}
}

// groupsUnknown has no reload, as notKept.
func (l *Login) groupsUnknown(a attempt) error {
	return &web.Error{
		Status: http.StatusServiceUnavailable, Code: "groups_unknown",
		Public: "We cannot find out at the moment which groups you are in, so nobody was signed in. Try again shortly.",
		Action: web.Action{Label: "Try again", Href: l.path(a.Return)},
	}
}

// notKept has no reload: the attempt is spent, this page would only fail again.
func (l *Login) notKept(err error, a attempt) error {
	return &web.Error{
		Status: http.StatusServiceUnavailable, Code: "store_unavailable",
		Public: "We cannot keep your sign-in at the moment. Try again shortly.",
		Action: web.Action{Label: "Try again", Href: l.path(a.Return)}, Err: err,
	}
}

// exchange spends the code and returns who signed in.
func (l *Login) exchange(ctx context.Context, m *metadata, a attempt, code string) (session.SignIn, error) {
	token, err := l.provider.oauth(m).Exchange(ctx, code, oauth2.VerifierOption(a.verifier()))
	if err != nil {
		return session.SignIn{}, l.exchangeFailed(err, a)
	}
	in, err := l.provider.verify(ctx, m, token, a)
	if err != nil && ctx.Err() != nil {
		return session.SignIn{}, l.exchangeFailed(ctx.Err(), a)
	}
	if err != nil {
		return session.SignIn{}, &web.Error{
			Status: http.StatusBadGateway, Code: "token_rejected",
			Public: "The sign-in service's answer did not pass our checks, so nobody was signed in. Try once more; if it stays, tell whoever runs this site the request id below.",
			Action: web.Action{Label: "Try again", Href: l.path(a.Return)}, Err: err,
		}
	}
	return in, nil
}

// exchangeFailed tells the two failures apart that a person can do something
// about. What the library says of an answer is not logged: it may quote the body.
func (l *Login) exchangeFailed(err error, a attempt) error {
	e := &web.Error{
		Status: http.StatusServiceUnavailable, Code: "provider_unavailable",
		Public: "The sign-in service did not finish. Try once more.",
		Action: web.Action{Label: "Try again", Href: l.path(a.Return)},
	}
	answered, ok := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case !ok:
		e.Err = fmt.Errorf("token endpoint: %w", err)
	case answered.ErrorCode == "invalid_client" || answered.ErrorCode == "unauthorized_client":
		e.Status, e.Code = http.StatusBadGateway, "client_rejected"
		e.Public = "The sign-in service does not know this site's client id or secret. Whoever runs this site has to check " + l.Client.setting("CLIENT_ID") + " and " + l.Client.setting("CLIENT_SECRET") + "."
		e.Err = fmt.Errorf("token endpoint: status %d, error %q", answered.Response.StatusCode, answered.ErrorCode)
	case answered.ErrorCode == "invalid_grant":
		e.Status, e.Code = http.StatusBadRequest, "code_rejected"
		e.Public = "The sign-in took too long or was used already. Try once more."
		e.Err = fmt.Errorf("token endpoint: status %d, error %q", answered.Response.StatusCode, answered.ErrorCode)
	default:
		e.Err = fmt.Errorf("token endpoint: status %d, error %q", answered.Response.StatusCode, answered.ErrorCode)
	}
	return e
}

// answer is what the provider sent along with the browser (RFC 6749 4.1.2).
type answer struct{ state, code, issuer, failure string }

// readAnswer takes each parameter at most once: of two, the checks may read one
// and the provider the other (SEC-FLOW-07).
func readAnswer(r *http.Request) (answer, error) {
	if r.Method != http.MethodGet { // a HEAD, by a link preview, must not spend the code
		return answer{}, errors.New("not a GET")
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return answer{}, errors.New("malformed query")
	}
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(q[name]) > 1 {
			return answer{}, fmt.Errorf("parameter %s comes twice", name)
		}
	}
	return answer{state: q.Get("state"), code: q.Get("code"), issuer: q.Get("iss"), failure: q.Get("error")}, nil
}

var (
	errNoBinding = errors.New("the browser sent no flow cookie")
	errForeign   = errors.New("the attempt was begun by another browser")
	errLate      = errors.New("the attempt is past its life")
)

// accept checks that this browser began the attempt, and not too long ago.
func (l *Login) accept(r *http.Request, a attempt) error {
	flows := l.flow.Tokens(r)
	if len(flows) == 0 {
		return errNoBinding
	}
	for _, flow := range flows {
		if !a.begunBy(flow) {
			continue
		}
		if a.late(l.Now()) {
			return errLate
		}
		return nil
	}
	return errForeign
}

// startAgain begins anew, once, what came too late or with another tab's binding.
// A browser that sent no cookie at all would only go in circles: it is told.
func (l *Login) startAgain(w http.ResponseWriter, r *http.Request, a attempt, why error) error {
	begin := l.path(a.Return)
	if a.Switch {
		begin += "&prompt=select_account"
	}
	if !errors.Is(why, errNoBinding) && !a.Again {
		web.RecordOf(r.Context()).Err = why
		return l.redirect(w, r, begin+"&again=1", "login_restarted")
	}
	e := &web.Error{
		Status: http.StatusBadRequest, Code: "browser_not_bound",
		Public: "This sign-in was begun in another browser, or your browser did not keep our cookie. Allow cookies for this site, open it at " + l.Client.Public + ", and try again.",
		Action: web.Action{Label: "Try again", Href: begin}, Err: why,
	}
	if told := l.mismatch(a.Astray, ""); told != "" && !errors.Is(why, errLate) {
		e.Public = "Your browser came back without our cookie. " + told
	}
	if errors.Is(why, errLate) {
		e.Code, e.Public = "login_late", "The sign-in took too long. Try once more."
	}
	return e
}

func badAnswer(err error) error {
	return &web.Error{
		Status: http.StatusBadRequest, Code: "callback_invalid",
		Public: "This sign-in link is not complete or not ours. Start from the beginning.",
		Action: web.Action{Label: "Sign in", Href: path("/")}, Err: err,
	}
}

// refusedByProvider explains an error that the provider sent back (RFC 6749
// 4.1.2.1, OpenID Connect Core 3.1.2.6). Its own words are not shown, and its code only
// when it is a known one: anybody can write them into a link.
func (l *Login) refusedByProvider(failure string, a attempt) error {
	e := &web.Error{
		Status: http.StatusBadGateway, Code: "provider_error",
		Public: "The sign-in service reported a problem. Try once more; if it stays, tell whoever runs this site the request id below.",
		Action: web.Action{Label: "Try again", Href: l.path(a.Return)},
		Err:    fmt.Errorf("provider answered error %.64q", failure),
	}
	switch {
	case failure == "access_denied" && a.Connect:
		e.Status, e.Code = http.StatusForbidden, "not_connected"
		e.Public = "Nothing was connected. You can go on without, and connect later."
		e.Action = web.Action{Label: "Continue", Href: a.Return}
	case failure == "access_denied":
		e.Status, e.Code = http.StatusForbidden, "access_denied"
		e.Public = "You cancelled the sign-in, or this account may not use this app yet. If the app is still being tested at Google, its owner has to add you as a test user."
		e.Action = web.Action{Label: "Try again", Href: Again(a.Return)}
	case failure == "temporarily_unavailable", failure == "server_error":
		e.Status, e.Code = http.StatusServiceUnavailable, "provider_unavailable"
		e.Public = "The sign-in service is having trouble. Try again in a moment."
	default:
		if known, ok := explain.Find(failure); ok && known.Answer {
			e.Code = known.Code
			e.Public = "The sign-in service answered \"" + known.Code + "\". " + known.Means
		}
	}
	return e
}
