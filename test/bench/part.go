package main

import (
	"errors"
	"flag"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"sidegate/demo"
)

// A part is what bench brings along itself: the app, the bare proxy, the provider. Each
// runs in a process of its own, so that its work is on nobody else's account: bench
// starts itself again, as "bench part NAME …".

// runPart serves one until the process is ended.
func runPart(args []string) error {
	flags := flag.NewFlagSet("part", flag.ExitOnError)
	listen := flags.String("listen", "", "where to listen")
	upstream := flags.String("upstream", "", "the app, for the proxy")
	redirect := flags.String("redirect", "", "the client's redirect URI, for the provider")
	secret := flags.String("secret", "", "the client's secret, for the provider")
	if len(args) == 0 {
		return errors.New("part: which?")
	}
	_ = flags.Parse(args[1:]) // it exits
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	var h http.Handler
	switch args[0] {
	case "app":
		h = newApp()
	case "proxy":
		h, err = bareProxy(*upstream)
	case "provider":
		h, err = demo.NewProvider("http://"+*listen, *redirect, *secret)
	default:
		err = errors.New("part: no such part")
	}
	if err != nil {
		return err
	}
	return (&http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}).Serve(l)
}

// bareProxy is what Go's library makes of the job, with what one sets when it is to be
// fast: connections are kept, buffers are reused, nothing is unpacked. It asks nobody
// who they are, drops no header, and writes no log.
func bareProxy(upstream string) (http.Handler, error) {
	to, err := url.Parse(upstream)
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.SetXForwarded()
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{
			MaxIdleConns: 0, MaxIdleConnsPerHost: 2048, IdleConnTimeout: time.Minute,
			DisableCompression: true,
		},
		BufferPool: &buffers{},
	}, nil
}

// buffers is a httputil.BufferPool.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(p []byte) { b.pool.Put(&p) }
