package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"sidegate/identity"
	"sidegate/session"
	"sidegate/upstream"
	"sidegate/web"
)

// Forwarder passes requests on to the app once the Gate has decided, with the
// identity in the context if there is one. Whatever reaches the app, over HTTP or
// a tunnel, was cleaned by clean, and then has what says adds.
type Forwarder struct {
	upstream *Upstream
	public   Public
	headers  *Headers
	site     *web.Site
	preset   *Preset
	notice   bool // see AddNotice
	buffers  *bufferPool
}

// Public is our own address as browsers see it.
type Public struct{ Scheme, Host string }

// NewForwarder returns a Forwarder to the app. A nil preset is that of any app.
func NewForwarder(upstream *Upstream, public Public, headers *Headers, site *web.Site, preset *Preset) *Forwarder {
	return &Forwarder{upstream: upstream, public: public, headers: headers, site: site, preset: preset, buffers: &bufferPool{}}
}

// ServeHTTP forwards one request, without any upgrade it asks for. The request's
// header is used up by it.
func (f *Forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	trailers := hasToken(r.Header["Te"], "trailers")
	removeHopByHop(r.Header)
	page := f.notice && opensPage(r)
	f.clean(r.Header)
	if page {
		askForText(r.Header)
	}
	if trailers { // the one hop-by-hop field whose word is for us to pass on
		r.Header["Te"] = []string{"trailers"}
	}
	out := f.request(r)
	out.Interim = func(status int, h http.Header) { passInterim(w, status, h) }
	stopped := false
	out.Stop = func() {
		stopped = true
		http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
	}
	res, err := f.upstream.ask.RoundTrip(r.Context(), out)
	if stopped {
		// net/http takes a read that fails for the end of the connection. What is left of
		// the body may be read away for a moment, for whom sends all before it listens.
		w.Header().Set("Connection", "close")
		boundRest(w, r)
	}
	if err != nil {
		f.fail(w, r, err)
		return
	}
	defer res.Body.Close()
	if err := f.receive(res, r); err != nil {
		res.Body.Close()
		f.fail(w, r, err)
		return
	}
	if page && isPage(res) {
		addNotice(res)
	}
	f.pass(w, res)
}

// request makes out the request to the app of one that was cleaned.
func (f *Forwarder) request(r *http.Request) *upstream.Request {
	out := &upstream.Request{
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, More: f.says(r),
		Expect: hasToken(r.Header["Expect"], "100-continue"),
	}
	if r.ContentLength != 0 {
		out.Body, out.Length = r.Body, r.ContentLength
	}
	if r.Trailer != nil && out.Body != nil {
		f.cleanTrailer(r.Trailer) // the names announced
		out.Trailer = r.Trailer
		out.Body = &trailedBody{Reader: r.Body, ended: func() { f.cleanTrailer(r.Trailer) }}
	}
	return out
}

// prepare makes out a handshake to the app, from which hop-by-hop headers are gone
// already.
func (f *Forwarder) prepare(out, in *http.Request) {
	f.clean(out.Header)
	out.URL, _ = targetURL(in.RequestURI)
	out.URL.Scheme, out.URL.Host = f.upstream.scheme, f.upstream.host
	out.Host = in.Host
	for _, field := range f.says(in) {
		out.Header[field.Name] = []string{field.Value}
	}
}

// clean removes from a header what only we may say, and what is for us. It comes
// first: then we say it.
func (f *Forwarder) clean(h http.Header) {
	f.headers.strip(h)
	stripCookies(h, f.preset.App().Cookies)
}

// says lists what the app is told of a request: where it comes from, and of whom.
func (f *Forwarder) says(r *http.Request) []upstream.Field {
	ctx := r.Context()
	fields := make([]upstream.Field, 0, 3+len(f.headers.fields)+2)
	if client := web.RecordOf(ctx).Client; client != "" {
		fields = append(fields, upstream.Field{Name: "X-Forwarded-For", Value: client})
	}
	fields = append(fields,
		upstream.Field{Name: "X-Forwarded-Proto", Value: f.public.Scheme}, upstream.Field{Name: "X-Forwarded-Host", Value: f.public.Host})
	if id, ok := identity.FromContext(ctx); ok {
		fields = f.headers.appendTo(fields, &id)
		fields = appendTicket(fields, ctx)
	}
	return fields
}

// cleanTrailer removes what may not come after a body. A trailer can name any
// header, and some servers merge the two (SEC-HDR-10).
func (f *Forwarder) cleanTrailer(h http.Header) {
	f.headers.strip(h)
	h.Del("Authorization")
	h.Del("Cookie")
}

// trailedBody calls ended when the body has, which is when net/http has filled in
// the trailers and before they are sent on.
type trailedBody struct {
	io.Reader
	ended func()
}

func (b *trailedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		b.ended()
	}
	return n, err
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
