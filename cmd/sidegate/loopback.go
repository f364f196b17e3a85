package main

import (
	"net"
	"net/http"
)

// loopbackServer is an http.Server on a free port of 127.0.0.1.
type loopbackServer struct {
	net.Listener
	http *http.Server
}

// Close ends the server.
func (l loopbackServer) Close() error { return l.http.Close() }

func serveLoopback(l net.Listener, h http.Handler) loopbackServer {
	s := loopbackServer{l, &http.Server{Handler: h}}
	go s.http.Serve(l)
	return s
}
