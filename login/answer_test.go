package login_test

import (
	"net/http"
	"strings"
	"testing"
)

// The page of an error that the provider sent names its code, says what it means, and has
// what whoever runs the site can do. A code that no provider has is not repeated: anybody
// can write one into a link (SEC-PAGE-01).
func TestTheProvidersErrorCodeIsNamedAndExplained(t *testing.T) {
	s := newSite(t)
	for _, tt := range []struct {
		failure string
		status  int
		says    []string
		not     string
	}{
		{"invalid_scope", 502, []string{"answered &#34;invalid_scope&#34;", "SIDEGATE_SCOPES", "sidegate explain invalid_scope"}, ""},
		{"Invalid-Scope", 502, []string{"answered &#34;invalid_scope&#34;"}, "Invalid-Scope"},
		{"unauthorized_client", 502, []string{"sidegate explain unauthorized_client"}, ""},
		{"access_denied", 403, []string{"You cancelled", "Test users", "sidegate explain access_denied"}, ""},
		{"redirect_uri_mismatch", 502, []string{"sidegate explain provider_error"}, "redirect_uri_mismatch"}, // comes to no callback
		{"made_up_by_a_link", 502, []string{"sidegate explain provider_error"}, "made_up_by_a_link"},
	} {
		b := s.newBrowser()
		p := b.step(withQuery(t, withQuery(t, "/_gate/callback", "error", tt.failure), "state", query(t, b.callback("/"), "state")))
		if p.status != tt.status {
			t.Errorf("%s: got %d, want %d", tt.failure, p.status, tt.status)
		}
		for _, want := range tt.says {
			if !strings.Contains(p.text(), want) {
				t.Errorf("%s: no %q in %s", tt.failure, want, p.text())
			}
		}
		if tt.not != "" && strings.Contains(p.text(), tt.not) {
			t.Errorf("%s is repeated: %s", tt.failure, p.text())
		}
		if p.status == http.StatusOK {
			t.Errorf("%s: signed in", tt.failure)
		}
	}
}
