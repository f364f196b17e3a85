package web

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// SEC-PAGE-03: what the browsers of today and of five years ago really send.
// The Chromium rows were recorded from a running browser.
func TestPageLoadsAreToldFromEverythingElse(t *testing.T) {
	const (
		chromium = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
		firefox  = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
		image    = "Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
		all      = "Accept: */*"
		navigate = "Sec-Fetch-Mode: navigate|Sec-Fetch-Site: same-origin|"
	)
	for _, tt := range []struct {
		name, method, header string
		pageLoad, html       bool
	}{
		{"Chromium, address bar", "GET", "Sec-Fetch-Site: none|Sec-Fetch-Mode: navigate|Sec-Fetch-User: ?1|Sec-Fetch-Dest: document|" + chromium, true, true},
		{"Chromium, HEAD by hand", "HEAD", navigate + chromium, true, true},
		{"Chromium, coming back from the provider", "GET", "Sec-Fetch-Site: cross-site|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document|" + chromium, true, true},
		{"Chromium, our own frame", "GET", navigate + "Sec-Fetch-Dest: iframe|" + chromium, true, true},
		{"Chromium, form", "POST", navigate + "Sec-Fetch-Dest: document|Origin: null|" + chromium, false, true},
		{"Chromium, fetch", "GET", "Sec-Fetch-Site: same-origin|Sec-Fetch-Mode: cors|Sec-Fetch-Dest: empty|" + all, false, false},
		{"Chromium, XHR that asks for HTML", "GET", "Sec-Fetch-Site: same-origin|Sec-Fetch-Mode: cors|Sec-Fetch-Dest: empty|Accept: text/html", false, false},
		{"Chromium, image", "GET", "Sec-Fetch-Site: same-origin|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: image|" + image, false, false},
		{"Chromium, EventSource", "GET", "Sec-Fetch-Site: same-origin|Sec-Fetch-Mode: cors|Sec-Fetch-Dest: empty|Accept: text/event-stream", false, false},
		{"Chromium, WebSocket", "GET", "Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Origin: https://dash.example", false, false},
		{"Chromium, service worker script", "GET", "Service-Worker: script|Sec-Fetch-Site: same-origin|Sec-Fetch-Mode: same-origin|Sec-Fetch-Dest: serviceworker|" + all, false, false},
		{"Chromium, worker passing a navigation on", "GET", navigate + "Sec-Fetch-Dest: document|Service-Worker-Navigation-Preload: true|" + chromium, true, true},
		{"Chromium, link rel=prefetch", "GET", "Sec-Purpose: prefetch|Sec-Fetch-Site: same-origin|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: empty|" + chromium, false, false},
		{"Chromium, prerender", "GET", "Sec-Purpose: prefetch;prerender|Sec-Fetch-Site: none|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document|" + chromium, false, true},
		{"Chromium on plain http to a LAN name", "GET", chromium, true, true},
		{"Chromium on plain http, image", "GET", image, false, false},
		{"Chromium on plain http, form", "POST", chromium + "|Content-Type: application/x-www-form-urlencoded", false, true},

		{"Firefox, address bar", "GET", "Sec-Fetch-Dest: document|Sec-Fetch-Mode: navigate|Sec-Fetch-Site: none|Sec-Fetch-User: ?1|" + firefox, true, true},
		{"Firefox, fetch", "GET", "Sec-Fetch-Dest: empty|Sec-Fetch-Mode: cors|Sec-Fetch-Site: same-origin|" + all, false, false},
		{"Firefox, image", "GET", "Sec-Fetch-Dest: image|Sec-Fetch-Mode: no-cors|Sec-Fetch-Site: same-origin|Accept: image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", false, false},
		{"Firefox, WebSocket", "GET", "Connection: keep-alive, Upgrade|Upgrade: websocket|Sec-Fetch-Dest: empty|Sec-Fetch-Mode: websocket|Sec-Fetch-Site: same-origin|" + all, false, false},

		{"Safari 16.4, address bar", "GET", "Sec-Fetch-Dest: document|Sec-Fetch-Mode: navigate|Sec-Fetch-Site: none|" + firefox, true, true},
		{"Safari 15, address bar", "GET", firefox, true, true},
		{"Safari 15, fetch", "GET", all, false, false},
		{"Safari 15, image", "GET", "Accept: image/webp,image/avif,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", false, false},
		{"Safari 15, WebSocket", "GET", "Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13", false, false},

		{"curl", "GET", all, false, false},
		{"curl, asking for an upgrade to HTTP/2", "GET", "Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|" + all, false, false},
		{"a health check", "GET", "", false, false},
		{"an upgrade that says it is a navigation", "GET", navigate + "Connection: Upgrade|Upgrade: websocket|" + chromium, false, false},
		{"metadata without a mode", "GET", "Sec-Fetch-Site: cross-site|" + chromium, false, false},
		{"HTML ruled out", "GET", "Accept: text/html;q=0, application/json", false, false},
		{"HTML, spelt with capitals", "GET", "Accept: Text/HTML; q=0.5", true, true},
		{"HTML in a second Accept line", "GET", "Accept: application/json|Accept: text/html", true, true},
		{"another type that begins alike", "GET", "Accept: text/html-sandboxed", false, false},
		{"a form by a script", "DELETE", navigate + chromium, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/", nil)
			for line := range strings.SplitSeq(tt.header, "|") {
				if name, value, ok := strings.Cut(line, ": "); ok {
					r.Header.Add(name, value)
				}
			}
			if got := IsPageLoad(r); got != tt.pageLoad {
				t.Errorf("IsPageLoad = %t, want %t", got, tt.pageLoad)
			}
			if got := WantsHTML(r); got != tt.html {
				t.Errorf("WantsHTML = %t, want %t", got, tt.html)
			}
		})
	}
}
