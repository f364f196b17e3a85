package main

import (
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"sidegate/web"
)

// private is what answers on the private listener have in common. What is kept out is
// web pages, in the browser of somebody on the same machine.
type private struct {
	host    string // the name in SIDEGATE_ADMIN_LISTEN, if there is one
	origins *http.CrossOriginProtection
	site    *web.Site
	log     *slog.Logger
}

func newPrivate(s *server) private {
	host, _, _ := net.SplitHostPort(s.config.AdminListen)
	return private{host: host, origins: http.NewCrossOriginProtection(), site: &web.Site{}, log: s.log}
}

func (a private) register(mux *http.ServeMux, paths map[string]web.Handler) {
	for path, h := range paths {
		mux.Handle(path, a.site.Record(a.log, a.site.Handle(a.guard(h))))
	}
}

// guard keeps web pages out. A page on another origin says so, or is stopped by the
// content type, for which its browser would have to ask first. A page that points
// its own host name here (DNS rebinding) is of our origin to the browser, and known
// by that name alone.
func (a private) guard(next web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		asPost := r.WithContext(r.Context())
		asPost.Method = http.MethodPost // or a GET would pass: to change nothing is not enough here
		mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		switch {
		case !a.answersFor(r.Host):
			return &web.Error{
				Status: http.StatusMisdirectedRequest, Code: "wrong_host",
				Public: "This listener answers at an IP address or localhost, or at the name in SIDEGATE_ADMIN_LISTEN.",
			}
		case a.origins.Check(asPost) != nil:
			return &web.Error{Status: http.StatusForbidden, Code: "foreign_page", Public: "This is not for web pages on other origins."}
		case r.Method == http.MethodPost && mediaType != "application/json":
			return &web.Error{Status: http.StatusUnsupportedMediaType, Code: "not_json", Public: "Send JSON, with Content-Type: application/json."}
		}
		return next(w, r)
	}
}

// answersFor reports whether a Host header cannot be a name of somebody else's.
func (a private) answersFor(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || strings.EqualFold(host, "localhost") || a.host != "" && strings.EqualFold(host, a.host)
}
