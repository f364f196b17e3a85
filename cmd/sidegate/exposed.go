package main

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// exposed returns an address, of those given, at which somebody answers on port; "" if
// none does. An app that listens on every address of the machine, as some do unless they
// are told otherwise, is reached past the gate: whoever does can say who they are.
func exposed(ctx context.Context, addrs []netip.Addr, port string) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var d net.Dialer
	for _, a := range addrs {
		at := net.JoinHostPort(a.String(), port)
		if conn, err := d.DialContext(ctx, "tcp", at); err == nil {
			conn.Close()
			return at
		}
	}
	return ""
}

// outside lists the machine's addresses that others may reach.
func outside() []netip.Addr {
	var found []netip.Addr
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil // a warning less
	}
	for _, a := range all {
		if n, err := netip.ParsePrefix(a.String()); err == nil && !n.Addr().IsLoopback() && !n.Addr().IsLinkLocalUnicast() {
			found = append(found, n.Addr())
		}
	}
	return found
}
