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
)

// dialTime is how long a connection to the app may take, once it is its turn.
const dialTime = 5 * time.Second

// Upstream is the app: how to reach it, over HTTP and for a tunnel.
type Upstream struct {
	scheme, host string
	dialer       func(ctx context.Context, network, addr string) (net.Conn, error)
	turns        turns // for the dialer
	transport    *http.Transport
	waiting      waiting
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
	up.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := up.dialInTurn(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return newReaderConn(conn), nil
		},
		TLSHandshakeTimeout: dialTime,
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     60 * time.Second,
		// The app's answer is passed on as it is, so the transport must not ask
		// for a compression that the browser did not.
		DisableCompression:     true,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
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

// dial opens a connection of its own to the app, for a tunnel.
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.scheme+"://"+u.host+path, nil)
	if err != nil {
		return apps.Answer{}, err
	}
	res, err := u.transport.RoundTrip(req)
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
