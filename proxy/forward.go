package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"sidegate/identity"
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

// visitor is whom a request is from: somebody signed in. A nil one is anybody.
type visitor struct {
	who    identity.Identity
	bearer *bearer
}

// visitorOf returns whom a context carries.
func visitorOf(ctx context.Context) *visitor {
	id, ok := identity.FromContext(ctx)
	if !ok {
		return nil
	}
	b, _ := ctx.Value(bearerKey{}).(*bearer)
	return &visitor{id, b}
}

// asking is one request on its way to the app.
type asking struct {
	upstream.Request
	w         http.ResponseWriter
	modern    bool // the browser speaks HTTP/1.1
	continued bool // it was told to go on, or did not ask
	body      body
	stopped   bool
}

// Interim implements upstream.Peer. Over HTTP/1.0 it would be taken for the answer (RFC
// 9110 15.2). Ahead of a 100 that a body waits for, net/http may be writing one of its
// own at the same time: other answers do not come in its way, nobody needs them.
func (e *asking) Interim(status int, h http.Header) {
	if e.continued = e.continued || status == http.StatusContinue; e.modern && e.continued {
		passInterim(e.w, status, h)
	}
}

// Stop implements upstream.Peer. A read that waits when the handler returns would be
// ended by net/http, and any bound on the rest with it (see boundRest). Once the body was
// read nobody waits but net/http, for the browser to leave, and would take that for it: it
// would end the next request over the connection as well.
func (e *asking) Stop() {
	if e.body.whole.Load() {
		return
	}
	e.stopped = true
	http.NewResponseController(e.w).SetReadDeadline(time.Unix(1, 0))
}

// serve forwards one request, without any upgrade it asks for. The request's header is
// used up by it. A nil line is never cut.
func (f *Forwarder) serve(w http.ResponseWriter, r *http.Request, from *visitor, line *upstream.Line) {
	trailers := hasToken(r.Header["Te"], "trailers")
	removeHopByHop(r.Header)
	page := f.notice && from != nil && opensPage(r)
	f.clean(r.Header)
	if page {
		askForText(r.Header)
	}
	if trailers { // the one hop-by-hop field whose word is for us to pass on
		r.Header["Te"] = []string{"trailers"}
	}
	out := &asking{w: w, modern: r.ProtoAtLeast(1, 1)}
	f.fill(out, r, from)
	out.Peer, out.Line = out, line
	res, err := f.upstream.ask.RoundTrip(r.Context(), &out.Request)
	if out.stopped {
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
	if err := f.receive(res, r, from); err != nil {
		res.Body.Close()
		f.fail(w, r, err)
		return
	}
	if page && isPage(res) {
		addNotice(res)
	}
	if out.Body != nil && !out.body.whole.Load() {
		// The app answers while it still reads. On a connection that goes on, net/http would
		// read the rest of the body itself ahead of the head, to get to the next request.
		w.Header().Set("Connection", "close")
	}
	f.pass(w, res)
}

// fill makes out the request to the app of one that was cleaned.
func (f *Forwarder) fill(out *asking, r *http.Request, from *visitor) {
	out.Method, out.Target, out.Host = r.Method, r.RequestURI, r.Host
	out.Header, out.More = r.Header, f.says(r, from)
	out.Expect = hasToken(r.Header["Expect"], "100-continue")
	out.continued = !out.Expect
	if r.ContentLength == 0 {
		return
	}
	out.body.Reader = r.Body
	out.Body, out.Length = &out.body, r.ContentLength
	if r.Trailer != nil {
		f.cleanTrailer(r.Trailer) // the names announced
		out.Trailer = r.Trailer
		out.body.ended = func() { f.cleanTrailer(r.Trailer) }
	}
}

// prepare makes out a handshake to the app, from which hop-by-hop headers are gone
// already.
func (f *Forwarder) prepare(out, in *http.Request) {
	f.clean(out.Header)
	out.URL, _ = targetURL(in.RequestURI)
	out.URL.Scheme, out.URL.Host = f.upstream.scheme, f.upstream.host
	out.Host = in.Host
	for _, field := range f.says(in, visitorOf(in.Context())) {
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
func (f *Forwarder) says(r *http.Request, from *visitor) []upstream.Field {
	fields := make([]upstream.Field, 0, 3+len(f.headers.fields)+2)
	if client := web.RecordOf(r.Context()).Client; client != "" {
		fields = append(fields, upstream.Field{Name: "X-Forwarded-For", Value: client})
	}
	fields = append(fields,
		upstream.Field{Name: "X-Forwarded-Proto", Value: f.public.Scheme}, upstream.Field{Name: "X-Forwarded-Host", Value: f.public.Host})
	if from != nil {
		fields = f.headers.appendTo(fields, &from.who)
		fields = from.bearer.appendTo(fields)
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

// body is a request's. It notes when all of it was read.
type body struct {
	io.Reader
	whole atomic.Bool
	ended func() // is called when net/http has filled in the trailers, before they are sent on; may be nil
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		if b.ended != nil {
			b.ended()
		}
		b.whole.Store(true)
	}
	return n, err
}

// fail answers for an app that did not, or was not waited for.
func (f *Forwarder) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, upstream.ErrCut) { // by its session's end: a browser that left is the context's
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
