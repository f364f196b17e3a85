package demo

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxShown is how many bytes of a header value the page shows. X-User-Assertion is a
// signed token, and X-User-Ticket a key to others: a screenshot must not hand them on.
const (
	maxShown = 100
	ticket   = "X-User-Ticket"
)

// NewDashboard returns the sample dashboard: a page, and a WebSocket at /live.
// It is written as any web app behind sidegate would be: it does not import
// sidegate, has no login code, and believes the X-User-… headers because only
// sidegate can reach it.
func NewDashboard() http.Handler {
	page := template.Must(template.ParseFS(pages, "page/dashboard.html"))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		writePage(w, page, http.StatusOK, newDashboardPage(r))
	})
	mux.HandleFunc("GET /live", live)
	for _, name := range []string{"demo.css", "dashboard.js"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFileFS(w, r, pages, "page/"+name)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// No form-action: the sign-out form's answer may lead to the
		// provider, and browsers hold redirects to form-action too.
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "+
			"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

type dashboardPage struct {
	Email   string // empty: nobody is signed in
	Name    string
	Headers []shownHeader
	Cookies string // their names
}

type shownHeader struct{ Name, Value string }

func newDashboardPage(r *http.Request) dashboardPage {
	return dashboardPage{
		Email:   r.Header.Get("X-User-Email"),
		Name:    decodeName(r.Header.Get("X-User-Name")),
		Headers: shownHeaders(r.Header),
		Cookies: cookieNames(r),
	}
}

// decodeName undoes the percent-encoding that sidegate gives names with
// characters outside ASCII.
func decodeName(s string) string {
	if name, err := url.PathUnescape(s); err == nil {
		return name
	}
	return s
}

// shownHeaders picks the headers that say who asks and through what they came.
func shownHeaders(h http.Header) []shownHeader {
	var shown []shownHeader
	for name, values := range h {
		if !strings.HasPrefix(name, "X-User-") && !strings.HasPrefix(name, "X-Forwarded-") {
			continue
		}
		for _, v := range values {
			if len(v) > maxShown || name == ticket {
				v = fmt.Sprintf("%.12s… (%d bytes)", v, len(v))
			}
			shown = append(shown, shownHeader{name, v})
		}
	}
	slices.SortStableFunc(shown, func(a, b shownHeader) int { return strings.Compare(a.Name, b.Name) })
	return shown
}

func cookieNames(r *http.Request) string {
	var names []string
	for _, c := range r.Cookies() {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}
