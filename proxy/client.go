package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"strings"
)

// Client finds the address a request came from. Forwarded headers count only
// from the networks listed; the zero Client trusts nobody.
type Client struct{ Trusted []netip.Prefix }

// Address returns the client's address, and "" for a peer without one (a unix
// socket). Behind trusted proxies it is the rightmost address in X-Forwarded-For
// that is not a trusted one: what stands left of it, anybody could write.
func (c Client) Address(r *http.Request) string {
	peer, ok := peerAddr(r)
	if !ok {
		return ""
	}
	if !c.trusts(peer) {
		return peer.String()
	}
	lines := r.Header["X-Forwarded-For"]
	for i := len(lines) - 1; i >= 0; i-- {
		hops := strings.Split(lines[i], ",")
		for j := len(hops) - 1; j >= 0; j-- {
			hop, ok := parseHop(textproto.TrimString(hops[j]))
			if !ok {
				return peer.String() // a trusted proxy wrote no address: believe none
			}
			if peer = hop; !c.trusts(hop) {
				return hop.String()
			}
		}
	}
	return peer.String()
}

func (c Client) trusts(a netip.Addr) bool {
	for _, p := range c.Trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// peerAddr returns the socket's peer. An IPv4 address mapped into IPv6 is the
// IPv4 address, else "10.0.0.0/8" would not contain ::ffff:10.0.0.1 (SEC-FWD-08).
func peerAddr(r *http.Request) (netip.Addr, bool) {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	return ap.Addr().Unmap().WithZone(""), true
}

// parseHop reads one entry of X-Forwarded-For; some proxies write a port.
func parseHop(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap().WithZone(""), true
	}
	host, _, err := net.SplitHostPort(s)
	if err != nil {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(host)
	return a.Unmap().WithZone(""), err == nil
}
