package login_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sidegate/identity"
	"sidegate/login"
	"sidegate/login/logintest"
)

func ann() identity.Identity {
	return identity.Identity{Issuer: login.GoogleIssuer, Subject: "1", Email: "Ann@corp.example", EmailVerified: true, HostedDomain: "corp.example"}
}

func googleGroups(t *testing.T, c *logintest.CloudIdentity, customer string) *login.GoogleGroups {
	t.Helper()
	g, err := login.NewGoogleGroups(c.Key(), c.Base(), customer)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGoogleGroupsAreAllPagesOfTheList(t *testing.T) {
	c := logintest.NewCloudIdentity(t)
	var all []string
	for i := range 25 {
		all = append(all, fmt.Sprintf("g%02d@corp.example", i))
	}
	c.Put("ann@corp.example", all...)
	c.Put("o'brien'@corp.example", "irish@corp.example")
	c.PageLen(10)
	g := googleGroups(t, c, "")
	for email, want := range map[string][]string{
		"Ann@CORP.example": all, "o'brien'@corp.example": {"irish@corp.example"}, "nobody@corp.example": nil,
	} {
		id := ann()
		id.Email = email
		got, err := g.Groups(t.Context(), id)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", email, got, err, want)
		}
	}
	questions, tokens := c.Asked()
	if tokens != 1 || len(questions) != 5 {
		t.Errorf("%d tokens for %q", tokens, questions)
	}
	for _, q := range questions {
		if !strings.HasPrefix(q, "searchDirectGroups ") {
			t.Errorf("asked %q", q)
		}
	}
}

// The search through nested groups is kept to one organisation: a single group of
// another one makes Google refuse it otherwise.
func TestNestedGroupsCountWithinTheOrganisation(t *testing.T) {
	c := logintest.NewCloudIdentity(t)
	c.Put("ann@corp.example", "team@corp.example")
	c.PutNested("ann@corp.example", "all@corp.example")
	for customer, want := range map[string]string{"": "team@corp.example", c.Customer: "team@corp.example all@corp.example"} {
		got, err := googleGroups(t, c, customer).Groups(t.Context(), ann())
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("customer %q: %q, %v; want %q", customer, got, err, want)
		}
	}
	if got, err := googleGroups(t, c, "C999").Groups(t.Context(), ann()); err == nil {
		t.Errorf("another customer: %q", got)
	}
}

// A list that is not whole is no list: one group less may be a right less, or, for an
// app that shuts members of a group out, one more.
func TestTroubleWithGoogleIsAnErrorAndNeverAShorterList(t *testing.T) {
	secrets := []string{"canary", "ann@", "ann%40", "member_key_id", "PRIVATE KEY", "assertion="}
	for _, tt := range []struct {
		name   string
		want   string
		answer func(w http.ResponseWriter, r *http.Request) bool // on the second page
		token  func(w http.ResponseWriter, r *http.Request) bool
	}{
		{name: "403", want: "answered 403: enable the Cloud Identity API", answer: refusal(403)},
		{name: "401", want: "answered 401", answer: refusal(401)},
		{name: "429", want: "quota", answer: refusal(429)},
		{name: "500", want: "answered 500", answer: refusal(500)},
		{name: "a redirect", want: "answered 302", answer: func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "http://127.0.0.1:1/?who=ann@corp.example", http.StatusFound)
			return true
		}},
		{name: "no JSON", want: "no list of groups", answer: answers("<html>ann@corp.example")},
		{name: "half an answer", want: "no list of groups", answer: answers(`{"memberships":[{"groupKey":{"id":"a@corp.example"}}`)},
		{name: "another type", want: "no list of groups", answer: answers(`{"memberships":{"groupKey":{"id":"a@corp.example"}}}`)},
		{name: "a name that is no text", want: "no list of groups", answer: answers(`{"memberships":[{"groupKey":{"id":["a@corp.example"]}}]}`)},
		{name: "pages without end", want: "does not end", answer: answers(`{"memberships":[{"groupKey":{"id":"a@corp.example"}}],"nextPageToken":"page+/=1"}`)},
		{name: "too long", want: "larger than 1 MiB", answer: answers(`{"memberships":[` + strings.Repeat(" ", 1<<20) + `]}`)},
		{name: "cut off", want: "API's answer: unexpected EOF", answer: func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"memberships":[`))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}},
		{name: "hanging", want: "deadline exceeded", answer: hang},
		{name: "a token refused", want: "answered 400: is the key still valid", token: refusal(400)},
		{name: "a token endpoint in trouble", want: "answered 503", token: refusal(503)},
		{name: "a token endpoint that hangs", want: "does not answer", token: hang},
		{name: "no token", want: "answers nonsense", token: answers(`{"canary":1}`)},
	} {
		c := logintest.NewCloudIdentity(t)
		c.Put("ann@corp.example", "a@corp.example", "b@corp.example")
		c.PageLen(1)
		c.Token(tt.token)
		if tt.answer != nil {
			c.Answer(func(w http.ResponseWriter, r *http.Request) bool {
				return r.URL.Query().Get("pageToken") != "" && tt.answer(w, r)
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		got, err := googleGroups(t, c, "").Groups(ctx, ann())
		cancel()
		if err == nil || got != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q, %v; want an error with %q", tt.name, got, err, tt.want)
			continue
		}
		for _, secret := range secrets { // SEC-LEAK-05
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error shows %q: %v", tt.name, secret, err)
			}
		}
	}
	gone := logintest.NewCloudIdentity(t)
	g := googleGroups(t, gone, "")
	if _, err := g.Groups(t.Context(), ann()); err != nil {
		t.Fatal(err)
	}
	gone.Close()
	if _, err := g.Groups(t.Context(), ann()); err == nil || strings.Contains(err.Error(), "member_key_id") || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("gone: %v", err)
	}
}

func refusal(status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		logintest.Refuse(w, status, "canary of ann@corp.example "+r.URL.RawQuery)
		return true
	}
}

func answers(s string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(s))
		return true
	}
}

func hang(_ http.ResponseWriter, r *http.Request) bool {
	_, _ = io.Copy(io.Discard, r.Body) // else the server does not see the caller leave
	<-r.Context().Done()
	return true
}

// Another directory's groups, mapped into Google's, have names of their own choosing.
func TestGroupsOfAnotherNamespaceAreNotGoogleGroups(t *testing.T) {
	c := logintest.NewCloudIdentity(t)
	c.Answer(answers(`{"memberships":[{"groupKey":{"id":"admins@corp.example","namespace":"identitysources/1"}},{"groupKey":{"id":""}},{},{"groupKey":{"id":"staff@corp.example"}}]}`))
	got, err := googleGroups(t, c, "").Groups(t.Context(), ann())
	if err != nil || strings.Join(got, " ") != "staff@corp.example" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAKeyThatIsNoneIsSaidAtTheStart(t *testing.T) {
	c := logintest.NewCloudIdentity(t)
	for name, key := range map[string]string{
		"nothing": "", "no JSON": "canary", "a client": `{"web":{"client_id":"canary"}}`,
		"another kind": strings.Replace(string(c.Key()), "service_account", "authorized_user", 1),
		"no key":       strings.Replace(string(c.Key()), "BEGIN PRIVATE KEY", "BEGIN CANARY", 1),
	} {
		if _, err := login.NewGoogleGroups([]byte(key), c.Base(), ""); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
