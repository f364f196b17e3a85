package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sidegate/session"
)

func TestTheOperatorSeesEverySessionTheOneUsedLastFirst(t *testing.T) {
	o := newOperator(t)
	if _, body := o.send(t, "GET", "/sessions", ""); body != `{"sessions":[],"truncated":false}`+"\n" {
		t.Errorf("without a session: %s", body)
	}
	first, second := o.signInNext(t, person("alice")), o.signInNext(t, person("bob"))
	status, body := o.send(t, "GET", "/sessions", "")
	var list struct {
		Sessions  []map[string]any
		Truncated bool
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || status != http.StatusOK || len(list.Sessions) != 2 || list.Truncated {
		t.Fatalf("%d %s, %v", status, body, err)
	}
	if list.Sessions[0]["id"] != second.ID {
		t.Errorf("the one used last is not the first: %s", body)
	}
	got := list.Sessions[1]
	for name, want := range map[string]string{
		"id": first.ID, "email": "alice@example.com", "sub": "alice-1", "iss": testIssuer, "name": "The alice",
		"browser": "Firefox/144.0 (X11; Linux)", "address": "192.0.2.7",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %q", name, got[name], want)
		}
	}
	for name, want := range map[string]time.Time{"created": first.Created, "seen": first.Seen, "expires": first.Expires, "ends": first.Ends} {
		at, err := time.Parse(time.RFC3339, fmt.Sprint(got[name]))
		if err != nil || at.Sub(want).Abs() > time.Millisecond {
			t.Errorf("%s is %v, want %v: %v", name, got[name], want, err)
		}
	}
}

func TestALongListIsCutAndSaysSo(t *testing.T) {
	o := newOperator(t)
	var want []string
	for range 5 {
		want = slices.Insert(want, 0, o.signInNext(t, person("alice")).ID)
	}
	for query, n := range map[string]int{"?limit=1": 1, "?limit=4": 4, "?limit=5": 5, "?limit=10000": 5, "": 5} {
		list := o.list(t, query)
		var ids []string
		for _, s := range list.Sessions {
			ids = append(ids, s.ID)
		}
		if !slices.Equal(ids, want[:n]) || list.Truncated != (n < 5) {
			t.Errorf("%s: %v, truncated %v; want %v", query, ids, list.Truncated, want[:n])
		}
	}
	for _, limit := range []string{"0", "-1", "x", "10001", "1e3"} {
		if status, body := o.send(t, "GET", "/sessions?limit="+limit, ""); status != http.StatusBadRequest || !strings.Contains(body, "10000") {
			t.Errorf("limit=%s: %d %s", limit, status, body)
		}
	}
	for range 1000 {
		signIn(t, o.sessions, person("bob"), "", "")
	}
	if list := o.list(t, ""); len(list.Sessions) != 1000 || !list.Truncated {
		t.Errorf("of 1005 sessions %d are listed, truncated %v", len(list.Sessions), list.Truncated)
	}
}

// However many sessions there are, few are held; one that is told twice counts once.
func TestOnlyTheLatestSessionsAreHeld(t *testing.T) {
	l := latest{limit: 10}
	start := time.Now()
	for n := range 100_000 {
		n = n * 7919 % 100_000 // in no order
		i := session.Info{ID: fmt.Sprint(n), Seen: start.Add(time.Duration(n) * time.Second)}
		l.add(i)
		l.add(i)
		if cap(l.found) > 1000 {
			t.Fatalf("%d are held", cap(l.found))
		}
	}
	var ids []string
	for _, i := range l.take() {
		ids = append(ids, i.ID)
	}
	want := []string{"99999", "99998", "99997", "99996", "99995", "99994", "99993", "99992", "99991", "99990"}
	if !slices.Equal(ids, want) || !l.cut {
		t.Errorf("kept %v, cut %v", ids, l.cut)
	}
	twice := latest{limit: 1}
	twice.add(session.Info{ID: "a"})
	twice.add(session.Info{ID: "a"})
	if n := len(twice.take()); n != 1 || twice.cut {
		t.Errorf("one session told twice: %d, cut %v", n, twice.cut)
	}
}

// A list that breaks off must not look like a whole one; and nobody is told that
// sessions ended while they did not (SEC-OUT-06).
func TestAStoreThatFailsIsNoEmptyList(t *testing.T) {
	o := newOperator(t)
	alice := o.signInNext(t, person("alice"))
	o.signInNext(t, person("bob"))
	for _, after := range []int{0, 1} {
		o.store.after, o.store.err = after, errors.New("connection refused 10.9.8.7")
		for _, c := range [][3]string{
			{"GET", "/sessions", ""}, {"POST", "/sessions/revoke", `{"all":true}`}, {"POST", "/sessions/revoke", `{"who":["sub:alice-1"]}`},
			{"POST", "/sessions/revoke", `{"who":["alice@example.com"]}`}, {"POST", "/sessions/revoke", `{"who":["id:` + alice.ID + `"]}`},
		} {
			status, body := o.send(t, c[0], c[1], c[2])
			var said struct{ Error, Message string }
			err := json.Unmarshal([]byte(body), &said)
			if status != http.StatusServiceUnavailable || err != nil || said.Error != "store_unavailable" || said.Message == "" || strings.Contains(body, "10.9.8.7") {
				t.Errorf("%v: %d %s", c, status, body)
			}
		}
	}
	if !strings.Contains(o.log.String(), "10.9.8.7") {
		t.Error("the cause is not in the log")
	}
	o.store.err = nil
	if n := len(o.left(t)); n != 2 {
		t.Errorf("%d sessions are left, want 2", n)
	}
}

// A page in a browser on the operator's machine cannot list or revoke: neither one
// of another origin, the app's own included, nor one whose name was pointed here.
func TestWebPagesCannotUseTheOperatorsPaths(t *testing.T) {
	o := newOperator(t)
	o.signInNext(t, person("alice"))
	port := o.URL[strings.LastIndex(o.URL, ":"):]
	for _, tt := range []struct {
		fields []string
		status int
	}{
		{[]string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403},
		{[]string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"}, 403},
		{[]string{"Sec-Fetch-Site: same-site", "Origin: http://127.0.0.1:8080"}, 403}, // the dashboard, on another port
		{[]string{"Sec-Fetch-Site: cross-site", "Origin: " + o.URL}, 403},
		{[]string{"Origin: https://evil.example"}, 403},
		{[]string{"Origin: http://127.0.0.1:8080"}, 403},
		{[]string{"Origin: null"}, 403},
		{[]string{"Host: evil.example" + port, "Sec-Fetch-Site: same-origin", "Origin: http://evil.example" + port}, 421},
		{[]string{"Host: evil.example"}, 421},
		{[]string{"Host: localhost.evil.example" + port}, 421},
		{[]string{"Host: 127.0.0.1.evil.example" + port}, 421},
		{[]string{"Host: sidegate" + port}, 421},
		{nil, 200},
		{[]string{"Sec-Fetch-Site: none"}, 200},
		{[]string{"Sec-Fetch-Site: same-origin", "Origin: " + o.URL}, 200},
		{[]string{"Host: localhost" + port}, 200},
		{[]string{"Host: LOCALHOST"}, 200},
		{[]string{"Host: [::1]" + port}, 200},
		{[]string{"Host: [::1]"}, 200},
		{[]string{"Host: 10.0.0.7"}, 200},
		{[]string{"Host: Admin.Internal" + port}, 200},
	} {
		if status, body := o.send(t, "GET", "/sessions", "", tt.fields...); status != tt.status || status != 200 && strings.Contains(body, "alice") {
			t.Errorf("list with %q: %d %s", tt.fields, status, body)
		}
		if status, body := o.send(t, "POST", "/sessions/revoke", `{"who":["sub:nobody"]}`, tt.fields...); status != tt.status {
			t.Errorf("revoke with %q: %d %s", tt.fields, status, body)
		}
	}
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain; application/json"} {
		if status, body := o.send(t, "POST", "/sessions/revoke", `{"all":true}`, "Content-Type: "+contentType); status != http.StatusUnsupportedMediaType {
			t.Errorf("%q: %d %s", contentType, status, body)
		}
	}
	for _, c := range [][2]string{{"POST", "/sessions"}, {"OPTIONS", "/sessions/revoke"}, {"GET", "/sessions/revoke"}, {"DELETE", "/sessions"}} {
		if status, _ := o.send(t, c[0], c[1], ""); status != http.StatusMethodNotAllowed {
			t.Errorf("%v: %d, want 405", c, status)
		}
	}
	if len(o.left(t)) != 1 {
		t.Error("a session was ended")
	}
	for _, field := range []string{"Host: sidegate:8081", "Sec-Fetch-Site: cross-site"} { // health checks come by any name
		if status, body := o.send(t, "GET", "/healthz", "", field); status != http.StatusOK {
			t.Errorf("/healthz with %q: %d %s", field, status, body)
		}
	}
}
