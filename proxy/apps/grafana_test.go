package apps_test

import (
	"net/url"
	"slices"
	"testing"

	"sidegate/proxy/apps"
)

// No test here runs Grafana: what keeps people apart in it must not get lost unseen.
func TestGrafanaTakesPeopleFromUsAlone(t *testing.T) {
	public, err := url.Parse("https://grafana.example.com")
	if err != nil {
		t.Fatal(err)
	}
	got := apps.Named("grafana").Environment(apps.Place{Host: "127.0.0.1", Port: "3000", Public: public})
	for _, want := range []string{
		"GF_SERVER_HTTP_ADDR=127.0.0.1", "GF_SERVER_HTTP_PORT=3000", "GF_SERVER_ROOT_URL=https://grafana.example.com",
		"GF_AUTH_PROXY_ENABLED=true", "GF_AUTH_PROXY_HEADER_NAME=X-User-Email", "GF_AUTH_PROXY_HEADER_PROPERTY=email", "GF_AUTH_PROXY_WHITELIST=127.0.0.1",
		"GF_AUTH_PROXY_ENABLE_LOGIN_TOKEN=false", "GF_AUTH_PROXY_SYNC_TTL=0", "GF_AUTH_BASIC_ENABLED=false", "GF_AUTH_DISABLE_LOGIN_FORM=true",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("Grafana is not told %s", want)
		}
	}
}
