package pages

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"sidegate/web"
)

const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="14" fill="#0f766e"/><path d="M16 46V32m16 14V18m16 28V26" stroke="#fff" stroke-width="7" stroke-linecap="round"/></svg>`

// branded is a site with all that a page can carry besides its own.
func branded() *web.Site {
	return &web.Site{Brand: web.Brand{Name: "Sales dashboard", Logo: web.NewLogo("image/svg+xml", []byte(logo))}}
}

// show answers with a page.
func show(s *web.Site, status int, p web.Page) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		s.Page(w, r, status, p)
		return nil
	}
}

// fail answers with the page of an error.
func fail(e web.Error) web.Handler {
	return func(http.ResponseWriter, *http.Request) error { return &e }
}

// signIn is the sign-in page with two ways, a Google one among them.
func signIn() web.Page {
	return web.SignInPage{Choices: []web.Choice{
		{Name: "Google", Href: "/_gate/login?rd=%2F&provider=google", Google: true},
		{Name: "login.partner.example", Href: "/_gate/login?rd=%2F&provider=partner"},
	}}
}

// account is the account of somebody who has all that the page can show.
func account() web.Page {
	now := time.Now()
	return web.Account{
		Person: web.Person{
			Name: "Friederike Höppner-Müllerschön", Email: "friederike.hoeppner-muellerschoen@department.example.com", Subject: "108204268033311374519",
			Issuer: "https://accounts.google.com", Roles: []string{"admin", "viewer"},
		},
		Times: web.Times{SignedIn: now.Add(-3 * time.Hour), LastSeen: now.Add(-time.Minute), Expires: now.Add(6 * 24 * time.Hour)},
		SignIns: web.SignIns{More: 3, End: "/_gate/sessions", Shown: []web.SignIn{
			{ID: "1", Browser: "Firefox on Linux", Address: "192.0.2.7", Since: now.Add(-3 * time.Hour), LastSeen: now, This: true},
			{ID: "2", Browser: "Safari on iPhone", Address: "2001:db8:1234:5678:9abc:def0:1234:5678", Since: now.Add(-50 * time.Hour), LastSeen: now.Add(-time.Hour)},
			{ID: "3", Address: "198.51.100.4", Since: now.Add(-70 * time.Hour), LastSeen: now.Add(-20 * time.Hour)},
		}},
		Access: web.Connection{Scopes: []string{"https://www.googleapis.com/auth/youtube.readonly", "https://www.googleapis.com/auth/yt-analytics.readonly"}, End: "/_gate/disconnect"},
		Headers: []web.Header{
			{Name: "X-User-Email", Value: "friederike.hoeppner-muellerschoen@department.example.com"}, {Name: "X-User-Groups", Value: "staff@example.com,sales-emea@example.com,dashboards@example.com"},
			{Name: "X-User-Assertion", Value: "(a signed token, made anew for each request)"},
		},
		App: "/", SignOut: "/_gate/logout",
	}
}

// unsure is the same when nothing can be looked up and the provider takes nothing more.
func unsure() web.Page {
	return web.Account{
		Person: web.Person{Email: "alice@example.com"}, SignIns: web.SignIns{Unknown: true},
		Access: web.Connection{Scopes: []string{"https://www.googleapis.com/auth/youtube.readonly"}, Lost: true, Again: "/_gate/connect", End: "/_gate/disconnect"},
	}
}

// ownPages are the pages that web has, and the kinds of error page, by a name for each.
func ownPages() map[string]web.Handler {
	s := branded()
	now := time.Now()
	leave := func(w http.ResponseWriter, r *http.Request) error {
		post := r.Clone(r.Context()) // as after a form
		post.Method = http.MethodPost
		s.Leave(w, post, &url.URL{Scheme: "https", Host: "login.partner.example", Path: "/out"}, "https://login.partner.example")
		return nil
	}
	return map[string]web.Handler{
		"signin":         show(s, 200, signIn()),
		"signin-demo":    show(&web.Site{Demo: true}, 200, signIn()),
		"refused":        show(s, 403, web.Refused{Email: "mallory.with.a.very-long-name@another-company.example", Switch: "/s"}),
		"signedout":      show(s, 200, web.SignedOut{SignIn: "/in", Provider: "Google"}),
		"ended":          show(s, 200, web.Ended{SignIn: "/in"}),
		"leaving":        show(s, 200, web.Leaving{Next: "/next"}),
		"signingout":     leave,
		"confirm":        show(s, 200, web.ConfirmSignOut{Email: "alice@example.com"}),
		"account":        show(s, 200, account()),
		"account-unsure": show(&web.Site{Demo: true}, 200, unsure()),
		"400":            fail(web.Error{Status: 400, Code: "callback_invalid", Public: "This sign-in link is not complete or not ours. Start from the beginning.", Action: web.Action{Label: "Sign in", Href: "/in"}}),
		"loop":           fail(web.Error{Status: 400, Code: "sign_in_loop", Title: "Your browser did not keep the sign-in", Public: "You signed in, but your browser came back without our cookie, and each further sign-in would end here again. This address is http://app.local:8080, and the site is set up for https://app.example.com. Allow cookies for this site, then try again.", Action: web.Action{Label: "Try again", Href: "/in"}}),
		"401":            fail(web.Error{Status: 401, Code: "session_required", Public: "You are not signed in, or your session has ended.", Action: web.Action{Label: "Sign in", Href: "/in"}}),
		"403":            fail(web.Error{Status: 403, Code: "foreign_form", Public: "This came from another site, so nobody has been signed out."}),
		"404":            fail(web.Error{Status: 404, Code: "path_denied", Public: "This address of the app is not for browsers."}),
		"429":            fail(web.Error{Status: 429, Code: "too_many", Public: "Try again in a moment.", Retry: 9 * time.Second}),
		"500":            func(http.ResponseWriter, *http.Request) error { return errors.New("a cause for the log") },
		"502":            fail(web.Error{Status: 502, Code: "app_failed", Public: "The app broke off before it answered. Try again."}),
		"503":            fail(web.Error{Status: 503, Code: "store_unavailable", Public: "We cannot look up sign-ins at the moment. Nobody has been signed out.", Retry: 5 * time.Second}),
		"starting":       fail(web.Error{Status: 503, Code: "app_unavailable", Title: "Waiting for the app to start", Public: "The app has not answered yet.", Since: now.Add(-25 * time.Second), Retry: 5 * time.Second}),
		"down":           fail(web.Error{Status: 503, Code: "app_unavailable", Title: "The app does not answer", Public: "It did before, so it may have been stopped, or is starting anew.", Since: now.Add(-3 * time.Minute), Retry: 15 * time.Second}),
	}
}

// served returns the address of a server that has each of them under its name.
func served(t *testing.T) string {
	t.Helper()
	s := branded()
	pages := ownPages()
	handler := s.Record(slog.New(slog.NewTextHandler(io.Discard, nil)), s.Handle(func(w http.ResponseWriter, r *http.Request) error {
		return pages[r.URL.Path[1:]](w, r)
	}))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(staying{w}, r) }))
	t.Cleanup(server.Close)
	return server.URL
}

// staying keeps a page that goes on by itself on the screen: it is looked at for long.
type staying struct{ http.ResponseWriter }

func (s staying) WriteHeader(status int) {
	s.Header().Del("Refresh")
	s.ResponseWriter.WriteHeader(status)
}
