package doctor

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Whoever answers in sidegate's place chooses what doctor tells people to write into
// their settings: an address, and nothing else.
func TestOnlyAnAddressIsProposedAsATrustedProxy(t *testing.T) {
	for peer, want := range map[string]bool{
		"192.0.2.7:4711": true, "[2001:db8::7]:4711": true, "0.0.0.0/0:1": false, "[::/0]:1": false, "[fe80::1%0.0.0.0/0]:1": true, "any SIDEGATE_ALLOW_ANYONE=true:1": false, "": false,
	} {
		host := ""
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != ProbePath {
				io.WriteString(w, `{"status":"ok"}`)
				return
			}
			_ = json.NewEncoder(w).Encode(Arrived{Host: host, Peer: peer, Forwarded: []string{"192.0.2.1"}})
		}))
		public, err := url.Parse(front.URL)
		if err != nil {
			t.Fatal(err)
		}
		host = public.Host
		f := newFront(Front{
			Public: public, Running: true, Trusts: func(string) bool { return false },
			Nonce: func(context.Context) (string, error) { return "n", nil },
		}).arrives(t.Context())
		front.Close()
		if got := strings.Contains(f.Remedy, "SIDEGATE_TRUSTED_PROXIES="); got != want || strings.Contains(f.Says+f.Remedy, "0.0.0.0") {
			t.Errorf("%q: %+v", peer, f)
		}
	}
}
