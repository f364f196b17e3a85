package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"sidegate/explain"
)

//go:embed templates/*.html
var files embed.FS

// templates are parsed once, before the first request; a mistake in them stops
// the start. They are never changed afterwards.
var templates = template.Must(template.New("").Funcs(functions()).ParseFS(files, "templates/*.html"))

// functions are what templates may call. They call no methods: the container image is
// built so that they cannot, see release/slim.
func functions() template.FuncMap {
	return template.FuncMap{
		"path": ownPath, "at": view.At, "lasting": view.Lasting, "initial": Person.Initial, "explained": problem.Explained,
		"source": Logo.Source, "known": func(t time.Time) bool { return !t.IsZero() },
	}
}

// Page is one of our pages: SignInPage, SignedOut, Ended, Refused, Account or
// ConfirmSignOut. Every address in them is a path of our own origin; anything else is left out.
type Page interface {
	// about returns the name of the page's template and its title.
	about() (name, title string)
}

// SignedOut says that the session is over. It promises no more than that: the
// provider's own session is not ours to end.
type SignedOut struct {
	SignIn   string // path that starts a new sign-in
	Provider string // name of the provider, such as "Google"; may be empty
}

// Ended says to somebody who had a page of the app's open that the session is over.
type Ended struct {
	SignIn string // path that starts a new sign-in and leads back to that page
}

// Refused says that a signed-in account may not pass, which one it is, and what
// to do: most people refused have two accounts and took the wrong one.
type Refused struct {
	Email  string
	Switch string // path that starts a sign-in with the choice of an account
}

// Account answers "who am I": the person, the session, and what the app is told.
type Account struct {
	Person
	Times
	SignIns SignIns
	Access  Connection
	Headers []Header // sent to the app with each request, shown in full
	App     string   // path of the app
	SignOut string   // path that ends the session when posted to
}

// Person is an account as the provider describes it. Empty fields are left out.
type Person struct {
	Name, Email, Subject, Issuer string

	Roles []string
}

// Times are those of a session, any zone. Zero ones are left out.
type Times struct {
	SignedIn time.Time
	LastSeen time.Time
	Expires  time.Time // the latest end, however active the person is
}

// SignIns are the browsers that a person is signed in with. The zero SignIns says
// nothing of them.
type SignIns struct {
	Shown   []SignIn
	More    int    // how many there are besides
	Unknown bool   // they cannot be looked up at the moment
	End     string // path that ends one, or all, when posted to
}

// SignIn is one browser that a person is signed in with.
type SignIn struct {
	ID       string // goes back in the form that ends it
	Browser  string // in words
	Address  string
	Since    time.Time
	LastSeen time.Time
	This     bool // the one that asks
}

// Connection is what the app can do at the provider in the person's name. The zero
// Connection says nothing of it.
type Connection struct {
	Scopes  []string
	Lost    bool   // the provider does not take it any more
	Unknown bool   // it cannot be looked up at the moment
	Again   string // path that asks for it again
	End     string // path that ends it when posted to
}

// Header is one header field as the app receives it.
type Header struct{ Name, Value string }

// ConfirmSignOut asks before a sign-out that a link on another site may have
// started: signing people out must take a form of ours, posted to /_gate/logout.
type ConfirmSignOut struct{ Email string }

// Leaving is on the screen for a moment while a sign-out is under way.
type Leaving struct{ Next string } // path at which it goes on, by itself or by a button

// signingOut says that the session is over, and leads on to the provider, to sign
// out there as well: the one page with an address of another origin, see Leave.
type signingOut struct {
	Provider string
	Onward   *url.URL
}

// problem is the page of an Error.
type problem struct {
	Error
	Reload int // seconds until the page loads itself again; 0: never
}

// Explained is what whoever runs the site can do about it; nil: nothing is known. It is
// the text of `sidegate explain`, which is the same everywhere: who brings the page up
// learns nothing of this installation.
func (p problem) Explained() *explain.Problem {
	if known, ok := explain.Find(p.Code); ok && known.Operator {
		return &known
	}
	return nil
}

func (SignedOut) about() (name, title string)      { return "signedout", "You are signed out" }
func (signingOut) about() (name, title string)     { return "signingout", "Signed out of this site" }
func (Leaving) about() (name, title string)        { return "leaving", "Signing out" }
func (Ended) about() (name, title string)          { return "ended", "Your session has ended" }
func (Refused) about() (name, title string)        { return "refused", "No access with this account" }
func (Account) about() (name, title string)        { return "account", "Your account" }
func (ConfirmSignOut) about() (name, title string) { return "confirm", "Sign out?" }

// The title follows from the status alone where it cannot be wrong; what failed,
// the app or the provider, only the Error's own text knows.
func (p problem) about() (name, title string) {
	switch {
	case p.Title != "":
		title = p.Title
	case p.Status == http.StatusUnauthorized:
		title = "Please sign in"
	case p.Status == http.StatusForbidden:
		title = "No access"
	case p.Status == http.StatusNotFound:
		title = "Nothing here"
	case p.Status == http.StatusTooManyRequests:
		title = "A little too fast"
	case p.Status == http.StatusServiceUnavailable && p.Retry > 0:
		title = "One moment"
	case p.Status < 500:
		title = "That did not work"
	default:
		title = "Sorry, that failed"
	}
	return "problem", title
}

// view is what a template sees.
type view struct {
	Kind      string // name of the template, and the page's class
	Title     string
	Brand     Brand
	Style     template.CSS
	Demo      bool
	RequestID string // only where something failed; it helps nobody elsewhere
	Page      Page
	Farewell  template.JS // none but after a sign-out
	now       time.Time
}

// render makes the whole page before any of it is sent.
func (s *Site) render(r *http.Request, status int, p Page) ([]byte, error) {
	name, title := p.about()
	v := view{Kind: name, Title: title, Brand: s.Brand, Style: template.CSS(style), Demo: s.Demo, Page: p, Farewell: s.farewellOf(p), now: time.Now()}
	if status >= 400 {
		v.RequestID = RecordOf(r.Context()).ID
	}
	var buf bytes.Buffer
	if err := templates.ExecuteTemplate(&buf, name, v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// moment is a time in the words of people and of machines.
type moment struct{ Relative, Exact, Machine string }

// At says t relative to now, "in 6 days", as only a script could know the
// reader's time zone.
func (v view) At(t time.Time) moment {
	return moment{
		Relative: Relative(t, v.now),
		Exact:    t.UTC().Format("2 January 2006, 15:04 UTC"),
		Machine:  t.UTC().Format(time.RFC3339),
	}
}

// Lasting says how long something has lasted that began at t; nothing when that is
// the zero time, or now.
func (v view) Lasting(t time.Time) string {
	switch d := v.now.Sub(t); {
	case t.IsZero() || d < 2*time.Second:
		return ""
	case d < time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	default:
		return span(d)
	}
}

// Relative says t as seen from now: "in 6 days", "3 minutes ago".
func Relative(t, now time.Time) string {
	if t.Before(now) {
		return span(now.Sub(t)) + " ago"
	}
	return "in " + span(t.Sub(now))
}

// span says d in its largest unit, rounded: "6 days".
func span(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		switch n := int(d.Round(u.unit) / u.unit); {
		case n > 1:
			return fmt.Sprintf("%d %ss", n, u.name)
		case n == 1 && d >= u.unit:
			return "1 " + u.name
		}
	}
	return "a moment"
}

// Initial returns a letter that stands for the person in place of a picture,
// which would be a request to another host.
func (p Person) Initial() string {
	for _, c := range p.Name + p.Email {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return string(unicode.ToUpper(c))
		}
	}
	return "?"
}

// ownPath returns href if it is a path of our own origin, and otherwise "". A
// browser reads "//host" and "/\host" as another site, and drops tabs and line
// ends before it looks (WHATWG URL, 4.4).
func ownPath(href string) string {
	if !strings.HasPrefix(href, "/") || strings.HasPrefix(href, "//") || strings.HasPrefix(href, `/\`) {
		return ""
	}
	if strings.ContainsFunc(href, unicode.IsControl) {
		return ""
	}
	return href
}
