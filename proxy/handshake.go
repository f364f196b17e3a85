package proxy

import (
	"encoding/base64"
	"net/http"
	"strings"

	"sidegate/web"
)

// asksForWebSocket reports whether a request can become a tunnel, if its handshake
// is sound: only a lone "websocket" can. "h2c" and every list would let somebody
// speak another protocol past the gate (SEC-UPG-01, -02); such a request is
// forwarded as a plain one, since RFC 9110 7.8 lets a server ignore any Upgrade.
func asksForWebSocket(r *http.Request) bool {
	offers := r.Header["Upgrade"]
	return len(offers) == 1 && sameToken(offers[0], "websocket")
}

// checkHandshake refuses a WebSocket handshake that is not one by RFC 6455 4.2.1.
// A proxy and an app that differ on whether a connection was upgraded can be made
// to disagree on where the next request begins (SEC-UPG-03).
func checkHandshake(r *http.Request) error {
	bad := func(public string) error {
		return &web.Error{Status: http.StatusBadRequest, Code: "bad_handshake", Public: public}
	}
	switch {
	case r.Method != http.MethodGet || r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return bad("A WebSocket begins with a GET over HTTP/1.1.")
	case !hasToken(r.Header["Connection"], "upgrade"):
		return bad("A WebSocket handshake needs Connection: Upgrade.")
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return bad("A WebSocket handshake has no body.")
	case !only(r.Header["Sec-Websocket-Version"], "13"):
		return &web.Error{Status: http.StatusUpgradeRequired, Code: "bad_handshake", Public: "Only version 13 of the WebSocket protocol is spoken here."}
	}
	keys := r.Header["Sec-Websocket-Key"]
	if len(keys) != 1 {
		return bad("A WebSocket handshake needs one Sec-WebSocket-Key.")
	}
	if key, err := base64.StdEncoding.Strict().DecodeString(keys[0]); err != nil || len(key) != 16 {
		return bad("The Sec-WebSocket-Key is not 16 bytes in base64.")
	}
	return nil
}

// Origins are those whose pages may open WebSockets: our own, and what is listed.
// A browser sends cookies with a cross-site handshake, and no same-origin rule
// stops it (RFC 6455 10.2); dashboards get the check wrong or have it switched
// off by the usual proxy guides. The zero Origins admits none.
type Origins struct{ Allowed []string }

// check refuses a handshake whose Origin is not exactly one of ours; without
// Origin it was no browser, and only browsers need the cookie to authenticate.
func (o Origins) check(r *http.Request) error {
	values := r.Header["Origin"]
	if len(values) == 1 && values[0] != "" {
		for _, allowed := range o.Allowed {
			if values[0] == allowed {
				return nil
			}
		}
	}
	return &web.Error{
		Status: http.StatusForbidden, Code: "origin_refused",
		Public: "WebSockets are open to this site's own pages only. If this page belongs here, its origin has to be PUBLIC_URL's or listed in SIDEGATE_ALLOWED_ORIGINS.",
	}
}

// hasToken reports whether a comma list holds token, in any case.
func hasToken(lines []string, token string) bool {
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			if sameToken(strings.Trim(item, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// sameToken compares without case. By EqualFold alone "webſocket" would be one: two
// characters outside ASCII fold into it, and both are longer there.
func sameToken(s, token string) bool { return len(s) == len(token) && strings.EqualFold(s, token) }

func only(values []string, want string) bool { return len(values) == 1 && values[0] == want }
