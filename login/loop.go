package login

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"sidegate/session"
	"sidegate/web"
)

// A browser that does not keep the session's cookie signs in for ever: the provider knows
// the person and sends them back at once, and the app's page begins anew. So each sign-in
// leaves a mark for a moment, under the browser's flow cookie; who comes after it without
// any session cookie, signs in again, and comes without one once more, is told instead.
// Two sign-ins within a moment are not enough: tabs that were opened together end
// together, and some ask before another's cookie has arrived.
//
// A session that ended elsewhere is no loop: its cookie still comes. Nor is a sign-out,
// which takes the mark away. Requests of nobody write nothing.

// loopTime is how long a sign-in counts.
const loopTime = 30 * time.Second

var (
	markSet  = []byte{1}
	markVoid = []byte{0}
)

// markTime is shorter than a session, whose cookie the browser may rightly have dropped.
func (l *Login) markTime() time.Duration { return min(loopTime, l.Sessions.Limits.Max/2) }

// markKey names the n-th mark of a browser at this site, whichever provider it came from:
// the callback is that provider's, and the next sign-in begins at the main Login.
func (l *Login) markKey(flow session.Token, n string) string {
	mac := hmac.New(sha256.New, flow[:])
	mac.Write(append([]byte("sidegate signed in "+n+"\x00"), l.Client.Public...))
	return "l:" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// markSignIn notes that a browser was given a session, for the second time in a row if
// it began to sign in after it had been given one. A store that fails costs the
// explanation, and not the sign-in.
func (l *Login) markSignIn(ctx context.Context, r *http.Request, a attempt) {
	for _, flow := range l.flow.Tokens(r) {
		if !a.begunBy(flow) {
			continue
		}
		n := "once"
		if a.After {
			n = "twice"
		}
		_, _ = l.Store.PutIfAbsent(ctx, l.markKey(flow, n), markSet, l.markTime())
		return
	}
}

// unmark forgets the sign-ins of a browser whose session was ended on purpose.
func (l *Login) unmark(r *http.Request) {
	for _, flow := range l.flow.Tokens(r) {
		for _, n := range []string{"once", "twice"} {
			_ = l.Store.Replace(r.Context(), l.markKey(flow, n), markVoid, time.Millisecond)
		}
	}
}

// turns returns how often in a row the browser signed in just now, and has no session
// cookie all the same: 0, 1 or 2.
func (l *Login) turns(r *http.Request) int {
	if l.Sessions.Carried(r) {
		return 0
	}
	for _, flow := range l.flow.Tokens(r) {
		switch {
		case !l.marked(r.Context(), flow, "once"):
		case l.marked(r.Context(), flow, "twice"):
			return 2
		default:
			return 1
		}
	}
	return 0
}

func (l *Login) marked(ctx context.Context, flow session.Token, n string) bool {
	mark, err := l.Store.Get(ctx, l.markKey(flow, n))
	return err == nil && len(mark) == 1 && mark[0] == markSet[0]
}

// tryAgain is the query of the button that begins a sign-in in spite of a loop.
const tryAgain = "&loop=ended"

// loop tells what is most likely wrong.
func (l *Login) loop(r *http.Request, returnTo string) error {
	return &web.Error{
		Status: http.StatusBadRequest, Code: "sign_in_loop", Title: "Your browser did not keep the sign-in",
		Public: "You signed in, but your browser came back without our cookie, and each further sign-in would end here again. " + l.mismatch(l.astray(r), r.Host) +
			"Allow cookies for this site, then try again.",
		Action: web.Action{Label: "Try again", Href: path(returnTo) + tryAgain},
		Err:    errors.New("signed in twice within " + loopTime.String() + ", and no session cookie comes back; asked at host " + r.Host),
	}
}

// How an address can differ from the public one, so that cookies of the one are not sent
// to the other.
const (
	otherHost = "host"
	plainHTTP = "http"
)

// astray says how the address of a request differs from the public one, "" if it does not.
func (l *Login) astray(r *http.Request) string {
	scheme, host, _ := strings.Cut(l.Client.Public, "://")
	switch {
	case !strings.EqualFold(withoutPort(r.Host, scheme), host):
		return otherHost
	case scheme == "https" && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "http"):
		return plainHTTP
	}
	return ""
}

// withoutPort leaves off the port that the scheme has by itself.
func withoutPort(host, scheme string) string {
	return strings.TrimSuffix(host, map[string]string{"http": ":80", "https": ":443"}[scheme])
}

// mismatch tells a person what astray found. host is named only to who asks for it: a
// state may have been begun by somebody else, who would choose what stands on our page.
func (l *Login) mismatch(astray, host string) string {
	switch astray {
	case otherHost:
		if host == "" {
			host = "another address"
		}
		return "You came to " + host + ", but this site is set up for " + l.Client.Public + ", and cookies of the one are not sent to the other: open " + l.Client.Public + ". "
	case plainHTTP:
		return "You came by plain http, over which browsers keep no cookie of an https site: open " + l.Client.Public + ". "
	}
	return ""
}
