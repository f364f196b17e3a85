package proxy

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sidegate/proxy/apps"
	"sidegate/upstream"
)

// dialTime is how long a connection to the app may take, once it is its turn.
const dialTime = 5 * time.Second

// Upstream is the app: how to reach it, over HTTP and for a tunnel.
type Upstream struct {
	scheme, host string
	dialer       func(ctx context.Context, network, addr string) (net.Conn, error)
	turns        turns // for the dialer
	waiting      waiting
	ask          asker
}

// asker sends a request to the app: an upstream.Client or, where TLS is spoken, the
// same by http.Transport.
type asker interface {
	RoundTrip(context.Context, *upstream.Request) (*http.Response, error)
}

// NewUpstream returns the Upstream at u: http://host:port, https://host, or
// unix:/path.
//
// The environment's HTTP_PROXY is not for it: traffic to the app carries
// identities (SEC-CFG-07).
func NewUpstream(u *url.URL) *Upstream {
	up := &Upstream{scheme: u.Scheme, host: u.Host, turns: make(turns, maxDials)}
	dialer := &net.Dialer{Timeout: dialTime, KeepAliveConfig: keepAlive(), Control: boundUnacknowledged}
	up.dialer = dialer.DialContext
	if u.Scheme == "unix" {
		socket := u.Path
		if socket == "" {
			socket = u.Opaque
		}
		up.scheme, up.host = "http", "unix"
		up.dialer = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
	}
	if u.Scheme == "https" {
		up.ask = secureTransport{up, up.newTransport()}
	} else {
		up.ask = &upstream.Client{Dial: up.dial}
	}
	return up
}

// targetURL returns the URL whose request target is target, byte for byte: what
// was decided on is what is sent. ok is false when net/url has no such URL.
func targetURL(target string) (u *url.URL, ok bool) {
	path, query, asked := strings.Cut(target, "?")
	u = &url.URL{Opaque: path, RawQuery: query, ForceQuery: asked && query == ""}
	if strings.HasPrefix(path, "//") {
		// An opaque "//x" is written with the scheme in front. The other form keeps
		// the bytes that RFC 3986 3.3 lets stand in a path, and escapes others.
		u.Opaque, u.RawPath = "", path
		u.Path, _ = url.PathUnescape(path)
	}
	return u, u.RequestURI() == target
}

// hasURL reports whether targetURL has a URL for target. It writes what does not begin
// with "//" as it is.
func hasURL(target string) bool {
	if !strings.HasPrefix(target, "//") {
		return true
	}
	_, ok := targetURL(target)
	return ok
}

// dial opens a connection to the app.
func (u *Upstream) dial(ctx context.Context) (net.Conn, error) {
	addr := withPort(u.host, u.scheme)
	conn, err := u.dialInTurn(ctx, "tcp", addr)
	if err != nil || u.scheme != "https" {
		return conn, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	name, _, _ := net.SplitHostPort(addr)
	secure := tls.Client(conn, &tls.Config{ServerName: name, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// dialInTurn waits in line before it dials. The time that a connection may take
// begins with its turn: many others are not the app's failure.
func (u *Upstream) dialInTurn(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := u.turns.take(askerOf(ctx)); err != nil {
		return nil, err
	}
	defer u.turns.end()
	return u.dialer(ctx, network, addr)
}

// lookTime is how long an answer to Look may take, and lookBytes how much of it counts.
const (
	lookTime  = 2 * time.Second
	lookBytes = 64 << 10
)

// Look asks the app for path as nobody in particular, and follows no redirect.
func (u *Upstream) Look(ctx context.Context, path string) (apps.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	res, err := u.ask.RoundTrip(ctx, &upstream.Request{Method: http.MethodGet, Target: path, Host: u.host, Header: http.Header{}})
	if err != nil {
		return apps.Answer{}, err
	}
	defer res.Body.Close()
	u.waiting.answers()
	body, err := io.ReadAll(io.LimitReader(res.Body, lookBytes))
	return apps.Answer{Status: res.StatusCode, Header: res.Header, Body: body}, err
}

// Check reports whether the app takes connections.
func (u *Upstream) Check(ctx context.Context) error {
	conn, err := u.dial(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}
