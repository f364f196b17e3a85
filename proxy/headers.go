package proxy

import (
	"net/http"
	"strings"

	"sidegate/session"
)

// fold maps a header name to what the most forgiving reader may take it for:
// CGI, WSGI and their kin read X_User.Email as X-User-Email. Lower case, and every
// byte that is no letter or digit becomes "-".
//
// The field's header-alias bugs (CVE-2025-64484, CVE-2026-33433 and the three
// incomplete fixes after it) each forgot one more separator.
func fold(name string) string {
	out := []byte(name)
	for i, b := range out {
		switch {
		case 'A' <= b && b <= 'Z':
			out[i] = b + 'a' - 'A'
		case 'a' <= b && b <= 'z', '0' <= b && b <= '9':
		default:
			out[i] = '-'
		}
	}
	return string(out)
}

// claimed reports whether a folded name is ours, or tells an app who somebody is
// or where a request came from, in the words of another proxy. Such a header is
// ours to set and nobody else's: an app that trusts one, because it once stood
// behind that proxy, must not be told by the browser.
//
// Nor may the browser say twice what a request is: a "Content_Length" beside the
// length that net/http writes, or another method than the one that was decided on.
func claimed(folded string) bool {
	switch folded {
	case "x-user-email", "x-user-id", "x-user-name", "x-user-picture", "x-user-groups",
		"x-user-logged-in", "x-user-assertion", "x-user-roles", "x-user-ticket", "x-user-sub",
		"proxy", "forwarded", "x-real-ip", "x-streamlit-user",
		"remote-user", "remote-email", "remote-name", "remote-groups",
		"x-http-method-override", "x-http-method", "x-method-override",
		"host", "content-length", "transfer-encoding":
		return true
	}
	for _, prefix := range []string{
		"x-forwarded-", "x-original-", "x-rewrite-", "x-remote-", "x-auth-request-", "x-goog-",
		"x-amzn-oidc-", "x-webauth-", "x-pomerium-", "x-authentik-", "cf-access-", "tailscale-",
		"x-ms-client-principal", "x-sp-user",
	} {
		if strings.HasPrefix(folded, prefix) {
			return true
		}
	}
	return false
}

// strip removes from a request's headers or trailers what only we may say: what is
// claimed, whichever dialect is spoken, and what the settings add to it. It is by
// name alone.
func (t *Headers) strip(h http.Header) {
	for name := range h {
		if folded := fold(name); claimed(folded) || t.own[folded] {
			delete(h, name)
		}
	}
}

// stripCookies removes our cookies and keeps the others byte for byte, in order:
// an app must not collect live sessions. Other spellings that some cookie parser
// could take for ours go as well. So do the app's own whose names begin with one of
// others.
func stripCookies(h http.Header, others []string) {
	lines, ok := h["Cookie"]
	if !ok {
		return
	}
	kept := lines[:0]
	for _, line := range lines {
		if line = keptCookies(line, others); line != "" {
			kept = append(kept, line)
		}
	}
	h["Cookie"] = kept // none: no header
}

func keptCookies(line string, others []string) string {
	var kept strings.Builder
	begun := false // kept may be empty after one pair
	for more := true; more; {
		var pair string
		pair, line, more = strings.Cut(line, ";")
		if ourCookie(pair) || beginsWith(cookieName(pair), others) {
			continue
		}
		if begun {
			kept.WriteByte(';')
		} else {
			kept.Grow(len(pair) + 1 + len(line))
		}
		begun = true
		kept.WriteString(pair)
	}
	return strings.TrimLeft(kept.String(), " ")
}

// ourCookie reports whether a cookie pair, or a Set-Cookie line, is about a
// cookie of ours. A nameless "=name=value" counts, as do quotes and any white
// space or control around the name.
func ourCookie(pair string) bool {
	name := cookieName(pair)
	for _, ours := range session.CookieNames() {
		if strings.EqualFold(name, ours) {
			return true
		}
	}
	return false
}

func cookieName(pair string) string {
	pair = strings.TrimLeftFunc(pair, func(r rune) bool { return r == '=' || notInName(r) })
	name, _, _ := strings.Cut(pair, ";")
	name, _, _ = strings.Cut(name, "=")
	return strings.TrimRightFunc(name, notInName)
}

func beginsWith(name string, beginnings []string) bool {
	for _, b := range beginnings {
		if len(name) >= len(b) && strings.EqualFold(name[:len(b)], b) {
			return true
		}
	}
	return false
}

// notInName reports whether r cannot stand at the edge of a cookie name of ours:
// anything but printable ASCII, and quotes.
func notInName(r rune) bool { return r <= ' ' || r > '~' || r == '"' }
