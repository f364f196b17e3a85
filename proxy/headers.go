package proxy

import (
	"net/http"
	"net/url"
	"strings"

	"sidegate/identity"
	"sidegate/session"
	"sidegate/web"
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
		"x-amzn-oidc-", "x-webauth-", "x-pomerium-", "x-authentik-", "cf-access-", "tailscale-user-",
		"x-ms-client-principal", "x-sp-user",
	} {
		if strings.HasPrefix(folded, prefix) {
			return true
		}
	}
	return false
}

// strip removes from a request's headers or trailers what only we may say. It is
// by name alone and depends on no setting.
func strip(h http.Header) {
	for name := range h {
		if claimed(fold(name)) {
			delete(h, name)
		}
	}
}

// stripCookies removes our cookies and keeps the others byte for byte, in order:
// an app must not collect live sessions. Other spellings that some cookie parser
// could take for ours go as well. So do the app's own whose names begin with one of
// others.
func stripCookies(h http.Header, others []string) {
	var kept []string
	for _, line := range h["Cookie"] {
		var pairs []string
		for pair := range strings.SplitSeq(line, ";") {
			if !ourCookie(pair) && !beginsWith(cookieName(pair), others) {
				pairs = append(pairs, pair)
			}
		}
		if line = strings.TrimLeft(strings.Join(pairs, ";"), " "); line != "" {
			kept = append(kept, line)
		}
	}
	h["Cookie"] = kept // none: no header
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

// setIdentity says who it is. What is not known is not said: the header is then
// absent, since strip has removed anybody else's.
func setIdentity(h http.Header, id identity.Identity) {
	for _, f := range identityFields(id) {
		h[f.Name] = []string{f.Value}
	}
}

// identityFields lists the identity headers for id, preset "sidegate". Values are
// printable ASCII: anything else is percent-encoded UTF-8, since readers differ on
// what other bytes in a header mean, and none may end it (SEC-HDR-12).
func identityFields(id identity.Identity) []web.Header {
	var fields []web.Header
	for _, f := range []web.Header{
		{Name: "X-User-Email", Value: headerValue(id.Email)},
		{Name: "X-User-Id", Value: headerValue(id.Subject)},
		{Name: "X-User-Name", Value: headerValue(id.Name)},
		{Name: "X-User-Picture", Value: headerValue(id.Picture)},
		{Name: "X-User-Groups", Value: joinGroups(id.Groups)},
	} {
		if f.Value != "" {
			fields = append(fields, f)
		}
	}
	return append(fields, web.Header{Name: "X-User-Logged-In", Value: "true"})
}

// headerValue returns s when it is printable ASCII with no space at its ends,
// else s as percent-encoded UTF-8.
func headerValue(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return url.PathEscape(s)
		}
	}
	if strings.TrimSpace(s) != s {
		return url.PathEscape(s)
	}
	return s
}

// joinGroups joins with commas. "," and "%" inside a name are always encoded:
// nobody who may name a group can make it look like two, or like another one.
func joinGroups(groups []string) string {
	var out []string
	for _, g := range groups {
		if g == "" {
			continue
		}
		if v := headerValue(g); v != g {
			out = append(out, v)
		} else {
			out = append(out, strings.NewReplacer("%", "%25", ",", "%2C").Replace(g))
		}
	}
	return strings.Join(out, ",")
}
