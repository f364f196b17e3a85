package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"sidegate/doctor"
)

// askProbe sends a request and returns the status and the beginning of the body.
func askProbe(t *testing.T, method, url string, header http.Header) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	buf := make([]byte, 4096)
	n, _ := res.Body.Read(buf)
	return res.StatusCode, string(buf[:n])
}

// The private listener gives leave to ask on the public one, to no web page; without it
// there is nothing at that address, and a nonce is of use nowhere else (SEC-LEAK-08).
func TestAProbeNeedsLeaveOfThePrivateListener(t *testing.T) {
	s := serving(t)
	admin, public := "http://"+s.admin.Addr().String()+probePath, "http://"+s.public.Addr().String()+doctor.ProbePath
	asJSON := http.Header{"Content-Type": {"application/json"}}
	for name, h := range map[string]http.Header{
		"a foreign page": {"Content-Type": {"application/json"}, "Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}},
		"a form":         {"Content-Type": {"application/x-www-form-urlencoded"}},
	} {
		if status, body := askProbe(t, http.MethodPost, admin, h); status < 400 || strings.Contains(body, "nonce") {
			t.Errorf("%s gets leave: %d %s", name, status, body)
		}
	}
	if status, _ := askProbe(t, http.MethodPost, "http://"+s.public.Addr().String()+probePath, asJSON); status != http.StatusUnauthorized {
		t.Errorf("the public listener gives leave: %d", status)
	}
	for _, query := range []string{"", "?n=", "?n=guess", "?n=guess&stream", "?n=guess&seen"} {
		if status, body := askProbe(t, http.MethodGet, public+query, nil); status != http.StatusNotFound || strings.Contains(body, "peer") {
			t.Errorf("%q without leave: %d %s", query, status, body)
		}
	}
	_, body := askProbe(t, http.MethodPost, admin, asJSON)
	var l leave
	if err := json.Unmarshal([]byte(body), &l); err != nil || l.Nonce == "" {
		t.Fatalf("no leave: %v %s", err, body)
	}
	status, body := askProbe(t, http.MethodGet, public+"?n="+l.Nonce, http.Header{"X-Forwarded-For": {"192.0.2.7"}, "Cookie": {"sidegate=canary"}})
	if status != http.StatusOK || !strings.Contains(body, "192.0.2.7") || strings.Contains(body, "canary") {
		t.Errorf("%d %s", status, body)
	}
}
