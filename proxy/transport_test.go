package proxy

import (
	"net/http"
	"net/url"
	"testing"

	"sidegate/upstream"
)

// NTLM and Negotiate sign in a connection: over TLS too nobody else gets it.
func TestAConnectionOverTLSThatSomebodySignedInServesNobodyElse(t *testing.T) {
	ask := NewUpstream(&url.URL{Scheme: "https", Host: "app.example"}).ask.(secureTransport)
	for value, want := range map[string]bool{"NTLM TlRM": true, "Negotiate YII": true, "Bearer x": false, "Basic x": false} {
		r := &upstream.Request{Method: http.MethodGet, Target: "/", Header: http.Header{"Authorization": {value}}}
		if got := ask.request(r).Close; got != want {
			t.Errorf("%s: the connection is closed afterwards: %v", value, got)
		}
	}
}
