package main

import (
	"net/http"
	"strings"
	"testing"
)

// The provider's servers reach us by any name that leads here, from another site,
// and with no cookie: neither the check of the host nor that of the origin is in
// their way.
func TestNoticesOfTheProviderAreNotTakenForTheApps(t *testing.T) {
	s := serving(t)
	for _, path := range []string{"/_gate/backchannel-logout", "/_gate/risc"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.public.Addr().String()+path, strings.NewReader("x=y"))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "sidegate.internal"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://op.example")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		// The issuer of this server does not answer: what is well formed has to wait.
		if want := map[string]int{"/_gate/backchannel-logout": 400, "/_gate/risc": 503}[path]; res.StatusCode != want {
			t.Errorf("%s: got %d, want %d", path, res.StatusCode, want)
		}
	}
}
