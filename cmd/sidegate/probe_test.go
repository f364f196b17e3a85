package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
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

// answerTo is all of an answer that is not another each time.
func answerTo(t *testing.T, method, url string, header http.Header) string {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	res.Header.Del("Date")
	return regexp.MustCompile(`[A-Z2-7]{16}`).ReplaceAllString(fmt.Sprint(res.StatusCode, res.Header, string(body)), "REQUEST-ID")
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
	unknown := strings.Replace(public, doctor.ProbePath, doctor.ProbePath+"s", 1)
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodOptions, http.MethodConnect} {
		for _, h := range []http.Header{nil, {"Sec-Fetch-Mode": {"navigate"}}, {"Upgrade": {"websocket"}, "Connection": {"Upgrade"}}} {
			for _, query := range []string{"", "?n=", "?n=guess", "?n=guess&stream", "?n=guess&seen"} {
				got, want := answerTo(t, method, public+query, h), answerTo(t, method, unknown+query, h)
				if got = strings.ReplaceAll(got, "probe", "probes"); got != want {
					t.Errorf("%s %q %v: without leave it is told from an address that is not ours:\n%s\n%s", method, query, h, got, want)
				}
			}
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
