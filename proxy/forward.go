package proxy

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"strings"
	"time"

	"sidegate/identity"
	"sidegate/session"
	"sidegate/web"
)

// Forwarder passes requests on to the app once the Gate has decided, with the
// identity in the context if there is one. Whatever reaches the app, over HTTP or
// a tunnel, went through prepare.
type Forwarder struct {
	upstream *Upstream
	public   Public
	headers  *Headers
	site     *web.Site
	preset   *Preset
	proxy    *httputil.ReverseProxy
	buffers  *bufferPool
}

// Public is our own address as browsers see it.
type Public struct{ Scheme, Host string }

// NewForwarder returns a Forwarder to the app. A nil preset is that of any app.
func NewForwarder(upstream *Upstream, public Public, headers *Headers, site *web.Site, preset *Preset) *Forwarder {
	f := &Forwarder{upstream: upstream, public: public, headers: headers, site: site, preset: preset, buffers: &bufferPool{}}
	f.proxy = &httputil.ReverseProxy{
		// Rewrite, never Director: with Director the client deletes our headers by
		// naming them in Connection (SEC-HDR-05).
		Rewrite:        func(p *httputil.ProxyRequest) { f.prepare(p.Out, p.In) },
		Transport:      appTransport{upstream.transport},
		FlushInterval:  -1, // server-sent events must not wait
		BufferPool:     f.buffers,
		ModifyResponse: f.receive,
		ErrorHandler:   f.fail,
		// What it would log is in the request's record.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	return f
}

// ServeHTTP forwards one request, without any upgrade it asks for.
func (f *Forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Header.Del("Upgrade")
	f.proxy.ServeHTTP(w, r)
}

// prepare makes out the request to the app, from which hop-by-hop headers are
// gone already. The order matters: first everything goes that only we may say,
// then we say it.
func (f *Forwarder) prepare(out, in *http.Request) {
	f.headers.strip(out.Header)
	stripCookies(out.Header, f.preset.App().Cookies)
	out.URL, _ = targetURL(in.RequestURI)
	out.URL.Scheme, out.URL.Host = f.upstream.scheme, f.upstream.host
	out.Host = in.Host
	if client := web.RecordOf(in.Context()).Client; client != "" {
		out.Header["X-Forwarded-For"] = []string{client}
	}
	out.Header["X-Forwarded-Proto"] = []string{f.public.Scheme}
	out.Header["X-Forwarded-Host"] = []string{f.public.Host}
	if id, ok := identity.FromContext(in.Context()); ok {
		f.headers.set(out.Header, id)
		setTicket(out.Header, in.Context())
	}
	if in.Trailer != nil && out.Body != nil {
		f.cleanTrailer(in.Trailer) // the names announced
		out.Trailer = in.Trailer
		out.Body = &trailedBody{ReadCloser: out.Body, ended: func() { f.cleanTrailer(in.Trailer) }}
	}
}

// cleanTrailer removes what may not come after a body. A trailer can name any
// header, and some servers merge the two (SEC-HDR-10).
func (f *Forwarder) cleanTrailer(h http.Header) {
	f.headers.strip(h)
	h.Del("Authorization")
	h.Del("Cookie")
}

// trailedBody calls ended when the body has, which is when net/http has filled in
// the trailers and before it sends them on.
type trailedBody struct {
	io.ReadCloser
	ended func()
}

func (b *trailedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.ended()
	}
	return n, err
}

// receive checks and cleans the app's answer.
func (f *Forwarder) receive(res *http.Response) error {
	if res.StatusCode == http.StatusSwitchingProtocols {
		return errors.New("the app upgraded a request that asked for nothing") // SEC-UPG-04
	}
	f.upstream.waiting.answers()
	cleanAnswer(res.Header)
	cleanAnswer(res.Trailer) // the names announced
	res.Body = &trailedBody{ReadCloser: res.Body, ended: func() { cleanAnswer(res.Trailer) }}
	if _, ok := identity.FromContext(res.Request.Context()); ok && res.Header.Get("Cache-Control") == "" {
		// What somebody signed in sees is not for a shared cache (RFC 9111 3).
		res.Header.Set("Cache-Control", "private")
	}
	web.RecordOf(res.Request.Context()).Status = res.StatusCode
	return nil
}

// cleanAnswer keeps the app from setting or clearing our cookies.
func cleanAnswer(h http.Header) {
	if lines, ok := h["Set-Cookie"]; ok {
		var kept []string
		for _, line := range lines {
			if !ourCookie(line) {
				kept = append(kept, line)
			}
		}
		if len(kept) > 0 {
			h["Set-Cookie"] = kept
		} else {
			delete(h, "Set-Cookie")
		}
	}
	if lines, ok := h["Clear-Site-Data"]; ok {
		h["Clear-Site-Data"] = []string{withoutCookies(strings.Join(lines, ","))}
		if h.Get("Clear-Site-Data") == "" {
			h.Del("Clear-Site-Data")
		}
	}
}

// withoutCookies takes "cookies" out of a Clear-Site-Data list, since it would take
// ours along; "*" stands for everything, "cookies" included.
func withoutCookies(list string) string {
	var kept []string
	for item := range strings.SplitSeq(list, ",") {
		switch item = strings.Trim(item, " \t"); strings.ToLower(item) {
		case `"cookies"`:
		case `"*"`:
			kept = append(kept, `"cache"`, `"storage"`, `"executionContexts"`, `"clientHints"`)
		default:
			kept = append(kept, item)
		}
	}
	return strings.Join(kept, ", ")
}

// fail answers for an app that did not, or was not waited for.
func (f *Forwarder) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(context.Cause(r.Context()), session.ErrNone) {
		w.Header().Set("Connection", "close")
		f.site.Fail(w, r, f.sessionRequired(w, r))
		return
	}
	f.site.Fail(w, r, f.appFailed(err))
}

// check refuses what nobody may ask of this app, signed in or not, and everything as
// long as it is not known which app it is.
func (f *Forwarder) check(r *http.Request) error {
	err := f.preset.check(r)
	if errors.Is(err, errUnrecognised) {
		return f.upstream.waiting.unavailable(time.Now(), err)
	}
	return err
}

// appFailed tells an app that is not there (yet) from one that broke off.
func (f *Forwarder) appFailed(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	if (ok && op.Op == "dial") || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return f.upstream.waiting.unavailable(time.Now(), err)
	}
	return &web.Error{
		Status: http.StatusBadGateway, Code: "app_failed",
		Public: "The app broke off before it answered. Try again.", Err: err,
	}
}
