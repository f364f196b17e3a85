package web

import (
	"net/http"
	"strings"
)

// IsPageLoad reports whether r is a person opening a page: the only kind of
// request that may be sent to a sign-in. Redirecting any other one would hand
// the provider's HTML to code that waits for data, and start sign-ins nobody
// asked for (SEC-PAGE-03).
//
// A page fetched ahead of need is not one either: Sec-Purpose tells, and the
// browser throws an error answer away and asks again when the person comes.
func IsPageLoad(r *http.Request) bool {
	return reads(r) && WantsHTML(r) && !strings.HasPrefix(r.Header.Get("Sec-Purpose"), "prefetch")
}

// WantsHTML reports whether a person will look at the answer to r: a page load,
// or a form that was sent. Frames count; the app may well frame its own pages.
//
// Browsers say so in Sec-Fetch-Mode, which scripts cannot forge. They leave it
// out on plain http to anything but loopback, and Safari did before 16.4; then
// Accept decides, where fetch, XHR and images never name text/html themselves.
func WantsHTML(r *http.Request) bool {
	if r.Header.Get("Upgrade") != "" {
		return false
	}
	for _, name := range []string{"Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-Dest", "Sec-Fetch-User"} {
		if r.Header.Get(name) != "" {
			return r.Header.Get("Sec-Fetch-Mode") == "navigate"
		}
	}
	return accepts(r, "text/html")
}

// accepts reports whether Accept names the media type itself, not by a wildcard,
// and does not rule it out with q=0 (RFC 9110, 12.5.1).
func accepts(r *http.Request, mediaType string) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		name, params, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), mediaType) {
			_, q, ok := strings.Cut(strings.ReplaceAll(params, " ", ""), "q=")
			return !ok || strings.Trim(q, "0.") != ""
		}
	}
	return false
}

// reads reports whether r changes nothing and may be repeated.
func reads(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}
