package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// served is a candidate that answers as h does.
func served(t *testing.T, h http.HandlerFunc) *candidate {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return &candidate{
		name: "stand-in", url: s.URL, gate: true, cookie: "session=good",
		launch: func() (*process, error) { return nil, nil },
	}
}

// gateOf is a gate as it should be, in front of the app; spoil changes its mind.
func gateOf(spoil func(w http.ResponseWriter, r *http.Request, signedIn bool) (done bool)) http.HandlerFunc {
	behind := newApp()
	return func(w http.ResponseWriter, r *http.Request) {
		signedIn := r.Header.Get("Cookie") == "session=good"
		if spoil != nil && spoil(w, r, signedIn) {
			return
		}
		if !signedIn {
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		r.Header.Set("X-User-Email", who)
		behind.ServeHTTP(w, r)
	}
}

func TestAGateThatDoesItsWorkIsProven(t *testing.T) {
	if err := served(t, gateOf(nil)).prove(t.Context()); err != nil {
		t.Error(err)
	}
}

// A bench that measures redirects, error pages or an open door is worthless.
func TestWhatDoesNotDoItsWorkIsNotMeasured(t *testing.T) {
	for name, spoil := range map[string]func(http.ResponseWriter, *http.Request, bool) bool{
		"a redirect for somebody who has signed in": func(w http.ResponseWriter, r *http.Request, in bool) bool {
			http.Redirect(w, r, "/login", http.StatusFound)
			return true
		},
		"a page of its own, of the right length": func(w http.ResponseWriter, r *http.Request, in bool) bool {
			if in && r.URL.Path == pathSmall {
				_, _ = w.Write(bytes.Repeat([]byte("x"), smallSize))
			}
			return in && r.URL.Path == pathSmall
		},
		"a page that is cut off": func(w http.ResponseWriter, r *http.Request, in bool) bool {
			if in && r.URL.Path == pathLarge {
				_, _ = w.Write(content(largeSize - 1))
			}
			return in && r.URL.Path == pathLarge
		},
		"the app's page with another status": func(w http.ResponseWriter, r *http.Request, in bool) bool {
			if in && r.URL.Path == pathSmall {
				w.WriteHeader(http.StatusNonAuthoritativeInfo)
				_, _ = w.Write(content(smallSize))
			}
			return in && r.URL.Path == pathSmall
		},
		"nobody named to the app": func(w http.ResponseWriter, r *http.Request, in bool) bool {
			if in {
				newApp().ServeHTTP(w, r)
			}
			return in
		},
		"a door that is open": func(w http.ResponseWriter, r *http.Request, in bool) bool {
			if !in {
				newApp().ServeHTTP(w, r)
			}
			return !in
		},
		"a door that is open to something else": func(w http.ResponseWriter, r *http.Request, in bool) bool {
			if !in {
				_, _ = w.Write([]byte("welcome"))
			}
			return !in
		},
		"the app's page with a refusal's status": func(w http.ResponseWriter, r *http.Request, in bool) bool {
			if !in {
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = w.Write(content(smallSize))
			}
			return !in
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := served(t, gateOf(spoil)).prove(t.Context()); err == nil {
				t.Error("it was taken for a gate in front of the app")
			}
		})
	}
}

// wrk takes a redirect for an answer; the app's own count does not.
func TestAnswersThatTheAppDidNotGiveAreNoticed(t *testing.T) {
	for _, c := range []struct {
		asked, answers int
		ok             bool
	}{{1000, 1000, true}, {1064, 1000, true}, {999, 1000, false}, {0, 1000, false}, {1129, 1000, false}} {
		if err := allAsked(c.asked, c.answers, 128); (err == nil) != c.ok {
			t.Errorf("%d answers, of which the app gave %d: %v", c.answers, c.asked, err)
		}
	}
}

func TestWrksReportIsReadAndItsFaultsCount(t *testing.T) {
	const report = `Running 2s test @ http://127.0.0.1:10100/small
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.10ms    1.02ms  20.00ms   80.00%
    Req/Sec    30.50k     1.20k   32.00k    70.00%
  61234 requests in 2.01s, 70.10MB read
Requests/sec:  30464.67
Transfer/sec:     34.87MB
`
	f, err := parseWrk(report)
	if err != nil || f.requests != 61234 || f.took.Seconds() != 2.01 {
		t.Errorf("read %+v, %v", f, err)
	}
	for fault, ok := range map[string]bool{
		"  Non-2xx or 3xx responses: 1\n":                            false,
		"  Socket errors: connect 0, read 30, write 2, timeout 30\n": false,
		"  Socket errors: connect 0, read 60, write 1, timeout 0\n":  true,
	} {
		if _, err := parseWrk(strings.Replace(report, "Requests/sec", fault+"Requests/sec", 1)); (err == nil) != ok {
			t.Errorf("%q: %v", fault, err)
		}
	}
	if _, err := parseWrk("unable to connect"); err == nil {
		t.Error("no report is taken for one")
	}
}

func TestRedisOwnCountIsReadWithoutWhatBenchAsks(t *testing.T) {
	got := parseCounts("# Commandstats\r\ncmdstat_get:calls=3,usec=9\r\ncmdstat_info:calls=5,usec=9\r\ncmdstat_client|setinfo:calls=2,usec=1\r\ncmdstat_ping:calls=7,usec=1\r\n")
	if len(got) != 2 || got["get"] != 3 || got["ping"] != 7 {
		t.Errorf("read %v", got)
	}
	more := calls{"get": 5, "set": 1, "ping": 7}.since(got)
	if len(more) != 2 || more["get"] != 2 || more["set"] != 1 || more.sum("get") != 1 {
		t.Errorf("since then %v", more)
	}
}
