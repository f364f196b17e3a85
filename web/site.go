// Package web is everything sidegate says with its own voice: pages, JSON
// answers, errors, and the one log record of a request. It knows nothing of
// sessions, providers or the app; its callers bring the facts.
//
// Three rules hold for every answer that leaves here:
//
//   - It has nothing to attack: no script (but a constant one line of Site.Notice),
//     no request to another host, every value escaped by html/template, and a
//     Content-Security-Policy that would stop what slipped through (SEC-PAGE-01,
//     SEC-PAGE-02).
//   - It stays nowhere: no-store, no referrer, no frame, no other origin, and
//     no compression, which would let a guesser measure secrets (SEC-LEAK-04,
//     -10, -11).
//   - It is written whole or not at all: the body exists before the status is
//     sent, so an error is never glued to something else (SEC-ERR-05).
package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// Site is how our own pages are served. The zero Site serves plain http.
type Site struct {
	HTTPS  bool // browsers reach us by https: they are told to stay there
	Demo   bool // every page says in red that nothing here is protected
	Notice bool // the page after a sign-out tells the app's pages in other tabs
	Brand  Brand
}

// Handle makes an http.Handler of h: what h returns is written by Fail.
func (s *Site) Handle(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.Fail(w, r, err)
		}
	})
}

// JSON answers with v, which must hold nothing that the asker may not keep.
func (s *Site) JSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		s.Fail(w, r, fmt.Errorf("encode the JSON answer: %w", err))
		return
	}
	s.send(w, r, status, "application/json", append(body, '\n'))
}

// Empty answers with a status and nothing else.
func (s *Site) Empty(w http.ResponseWriter, r *http.Request, status int) {
	s.send(w, r, status, "", nil)
}

// Page answers with one of our pages.
func (s *Site) Page(w http.ResponseWriter, r *http.Request, status int, p Page) {
	body, err := s.render(r, status, p)
	if err != nil {
		s.Fail(w, r, fmt.Errorf("render a page: %w", err))
		return
	}
	s.protect(w.Header())
	if s.farewellOf(p) != "" {
		w.Header().Set("Content-Security-Policy", policy("; script-src "+farewellSource))
	}
	write(w, r, status, "text/html; charset=utf-8", body)
}

// Redirect sends the browser to a place the caller has checked: 302 to a page
// load, 303 after a form, so that the form is not posted again there. Unlike
// http.Redirect it has no body, which would repeat the address and with it state.
func (s *Site) Redirect(w http.ResponseWriter, r *http.Request, to string) {
	status := http.StatusFound
	if !reads(r) {
		status = http.StatusSeeOther
	}
	w.Header().Set("Location", to)
	s.send(w, r, status, "", nil)
}

// Leave sends somebody whose session has ended on to the provider, to a place of
// its own that the caller has checked. After a form that is a page that leads there
// by itself: browsers hold the redirects that answer a form to the form-action of
// its page (CSP3 6.4.2), which names our own origin alone.
func (s *Site) Leave(w http.ResponseWriter, r *http.Request, to *url.URL, provider string) {
	if reads(r) {
		s.Redirect(w, r, to.String())
		return
	}
	w.Header().Set("Refresh", "0; url="+to.String())
	s.Page(w, r, http.StatusOK, signingOut{Provider: provider, Onward: to})
}

// send writes a whole answer that may do nothing and be kept nowhere.
func (s *Site) send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	s.protect(w.Header())
	write(w, r, status, contentType, body)
}

// write writes a whole answer whose header is protected, and notes its status.
func write(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	RecordOf(r.Context()).Status = status
	w.WriteHeader(status)
	w.Write(body) // net/http keeps it from a HEAD; a client that is gone needs no telling
}

// protect sets the header fields of every answer of ours (REQ-33, SEC-LEAK-10)
// and drops what an earlier author of this answer said about another body.
func (s *Site) protect(h http.Header) {
	for _, name := range []string{
		"Content-Encoding", "Etag", "Last-Modified",
		"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials",
	} {
		h.Del(name)
	}
	h.Set("Content-Security-Policy", policy(""))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if s.HTTPS {
		h.Set("Strict-Transport-Security", "max-age=31536000") // one year, in seconds
	}
}

// policy is the Content-Security-Policy of our answers, with more of it if given.
func policy(more string) string {
	return "default-src 'none'; style-src " + StyleSource() +
		"; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'" + more
}
