package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// SEC-OUT-11: the operator ends sessions by e-mail, by subject, by id, or all.
func TestTheOperatorEndsSessions(t *testing.T) {
	foreign := person("alice")
	foreign.Issuer, foreign.Email = "https://other.example", "alice@other.example"
	shouting := person("bob")
	shouting.Email = "Bob@EXAMPLE.com"
	odd := person("odd")
	odd.Email = `"odd"@example.com`
	for _, tt := range []struct {
		body    string // with ALICE1 for the id of Alice's first session, ALICE0 for its beginning
		revoked int
		unknown []string
		left    string
	}{
		{`{"who":["alice@example.com"]}`, 2, nil, "bob foreign odd"},
		{`{"who":["ALICE@Example.COM."]}`, 2, nil, "bob foreign odd"},
		{`{"who":["bob@example.com"]}`, 1, nil, "alice1 alice2 foreign odd"},
		{`{"who":["sub:alice-1"]}`, 2, nil, "bob foreign odd"},
		{`{"who":["id:ALICE1"]}`, 1, nil, "alice2 bob foreign odd"},
		{`{"who":["alice@example.com","sub:bob-1"]}`, 3, nil, "foreign odd"},
		{`{"who":["alice@example.com","sub:alice-1","id:ALICE1"]}`, 2, nil, "bob foreign odd"},
		{`{"who":["sub:alice-1","sub:alice-1"]}`, 2, nil, "bob foreign odd"},
		{`{"who":["sub:odd-1","id:x","carol@example.com","sub:alice"]}`, 1, []string{"id:x", "carol@example.com", "sub:alice"}, "alice1 alice2 bob foreign"},
		{`{"who":["ice@example.com","@example.com.x@y","sub:ALICE-1","id:"]}`, -1, nil, "alice1 alice2 bob foreign odd"},
		{`{"who":["id:ALICE0"]}`, 0, []string{"id:ALICE0"}, "alice1 alice2 bob foreign odd"},
		{`{"all":true}`, 5, nil, ""},
	} {
		o := newOperator(t)
		ids := map[string]string{}
		for _, name := range []string{"alice1", "alice2"} {
			ids[o.signInNext(t, person("alice")).ID] = name
		}
		ids[o.signInNext(t, shouting).ID] = "bob"
		ids[o.signInNext(t, foreign).ID] = "foreign"
		ids[o.signInNext(t, odd).ID] = "odd"
		for id, name := range ids {
			if name == "alice1" {
				part := strings.NewReplacer("ALICE1", id, "ALICE0", id[:8])
				tt.body = part.Replace(tt.body)
				for n := range tt.unknown {
					tt.unknown[n] = part.Replace(tt.unknown[n])
				}
			}
		}
		status, body := o.send(t, "POST", "/sessions/revoke", tt.body)
		var got revoked
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s: %d %s", tt.body, status, body)
		}
		if tt.revoked < 0 {
			if status != http.StatusBadRequest {
				t.Errorf("%s: %d %s, want 400", tt.body, status, body)
			}
		} else if status != http.StatusOK || got.Revoked != tt.revoked || !slices.Equal(got.Unknown, tt.unknown) || got.Unknown == nil {
			t.Errorf("%s: %d %s", tt.body, status, body)
		}
		var left []string
		for _, id := range o.left(t) {
			left = append(left, ids[id])
		}
		slices.Sort(left)
		want := strings.Fields(tt.left)
		slices.Sort(want)
		if !slices.Equal(left, want) {
			t.Errorf("%s: left are %v, want %v", tt.body, left, want)
		}
	}
}

// What is not understood ends nobody's session, least of all everybody's.
func TestARevocationThatIsNotUnderstoodEndsNothing(t *testing.T) {
	o := newOperator(t)
	o.signInNext(t, person("alice"))
	many := `{"who":["` + strings.Repeat(`id:0","`, 1000) + `alice@example.com"]}`
	for _, body := range []string{
		``, `{}`, `null`, `[]`, `{"who":[]}`, `{"all":false}`, `{"all":"true"}`, `{"all":true,"who":["alice@example.com"]}`, `{"all":true,"except":["bob"]}`,
		`{"who":"alice@example.com"}`, `{"who":["alice"]}`, `{"who":[""]}`, `{"who":["*"]}`, `{"who":["alice@example.com","nonsense"]}`, `{"who":["sub:"]}`,
		`{"all":true}{"all":true}`, `{"all":true} x`, `{"all":true` + strings.Repeat(" ", 2<<20) + `}`, many,
		`{"who":["` + strings.Repeat("x", 1<<19) + `"]}`,
	} {
		status, answer := o.send(t, "POST", "/sessions/revoke", body)
		var said struct{ Error, Message string }
		if err := json.Unmarshal([]byte(answer), &said); status != http.StatusBadRequest || err != nil || said.Error != "bad_request" || !strings.HasSuffix(said.Message, ".") || len(answer) > 500 {
			t.Errorf("%.80s: %d %.1000s", body, status, answer)
		}
	}
	if len(o.left(t)) != 1 {
		t.Error("a session was ended")
	}
	if strings.Contains(o.log.String(), "alice@example.com") {
		t.Error("an e-mail address is in the log")
	}
}

// A store may tell of a session twice.
func TestASessionThatIsToldTwiceIsCountedOnce(t *testing.T) {
	o := newOperator(t)
	o.store.twice = true
	for _, body := range []string{`{"all":true}`, `{"who":["alice@example.com"]}`} {
		o.signInNext(t, person("alice"))
		_, answer := o.send(t, "POST", "/sessions/revoke", body)
		var got revoked
		if err := json.Unmarshal([]byte(answer), &got); err != nil || got.Revoked != 1 || len(got.Ended) > 0 && got.Ended[0].Sessions != 1 {
			t.Errorf("%s: %s", body, answer)
		}
	}
}

// An operator who presses Ctrl-C has revoked all the same.
func TestARevocationGoesOnWhenNobodyWaits(t *testing.T) {
	o := newOperator(t)
	o.signInNext(t, person("alice"))
	o.store.revoking = make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.URL+"/sessions/revoke", strings.NewReader(`{"all":true}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if res, err := http.DefaultClient.Do(r); err == nil {
			res.Body.Close()
		}
	}()
	<-o.store.revoking
	leave()
	<-gone
	time.Sleep(100 * time.Millisecond) // until the server has noticed
	<-o.store.revoking
	for end := time.Now().Add(5 * time.Second); len(o.left(t)) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the session goes on")
		}
	}
}

func TestRevocationsAreInTheLog(t *testing.T) {
	o := newOperator(t)
	o.signInNext(t, person("alice"))
	o.send(t, "POST", "/sessions/revoke", `{"who":["alice@example.com","id:x"]}`)
	if !strings.Contains(o.log.String(), `msg="sessions revoked by the operator" sessions=1 named=2 all=false`) {
		t.Errorf("the log says %s", o.log)
	}
}
