package tokens_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sidegate/login/logintest"
	"sidegate/session"
)

// SEC-LEAK-02 to -05 and SEC-SESS-07 for tokens: none in logs, addresses, pages or the
// store, however things go.
func TestTokensAndTicketsAreNowhereElse(t *testing.T) {
	t.Parallel()
	s := setup{replicas: 2, signIn: session.Scopes{read}, patience: time.Second}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	asks := &http.Request{Header: make(http.Header)}
	for _, c := range b.Jar.Cookies(must(s.replicas[0].URL)) {
		asks.AddCookie(c)
	}
	if found, err := s.replicas[0].sessions.Find(asks); err != nil || found.Provider.Token != "" {
		t.Errorf("the session's own record has a token as well, which nobody renews: %v", err)
	}
	var pages strings.Builder
	note := func(p page) { pages.WriteString(p.body + strings.Join(p.header["Location"], "") + p.path) }
	s.clock.Advance(2 * time.Minute)
	s.replicas[0].token(t, ticket, read)
	s.replicas[0].token(t, ticket, write)
	note(b.connect(write))
	_, dump, err := s.store.dump(t.Context())
	if err != nil || !strings.Contains(dump, "t:") {
		t.Fatalf("the store has no tokens: %v", err)
	}
	for _, h := range []http.HandlerFunc{
		func(w http.ResponseWriter, r *http.Request) { // it repeats all it was told
			r.ParseForm()
			logintest.Answer(400, "application/json", `{"error":"x","error_description":"`+r.PostForm.Encode()+`"}`)(w, r)
		},
		func(w http.ResponseWriter, r *http.Request) {
			r.ParseForm()
			logintest.Answer(500, "text/html", r.PostForm.Encode())(w, r)
		},
		func(w http.ResponseWriter, r *http.Request) {
			r.ParseForm()
			logintest.Redirect("http://127.0.0.1:1/?"+r.PostForm.Encode())(w, r)
		},
		s.provider.Hang,
	} {
		s.provider.Replace(logintest.TokenPath, h)
		s.provider.Replace(logintest.RevocationPath, h)
		s.clock.Advance(2 * time.Minute)
		s.replicas[0].token(t, ticket, read)
		time.Sleep(2100 * time.Millisecond) // until it is tried again
	}
	note(b.disconnect())
	s.provider.Replace(logintest.TokenPath, nil)
	note(b.connect(read))
	s.provider.Withdraw()
	s.clock.Advance(2 * time.Minute)
	a := s.replicas[1].token(t, ticket, read)
	s.wantError("withdrawn", a, http.StatusConflict, "reconnect_required")
	pages.WriteString(a.body)
	for where, text := range map[string]string{
		"the log": s.log.String(), "the addresses": strings.Join(b.visited, "\n"), "the pages": pages.String(), "the store": dump,
	} {
		for _, secret := range []string{"canary-access", "canary-refresh", "canary-description", ticket, ticket[43:]} {
			if strings.Contains(text, secret) && !(where == "the pages" && secret == ticket || where == "the pages" && secret == ticket[43:]) {
				t.Errorf("%s: %.20s… is in:\n%s", where, secret, text)
			}
		}
	}
	if !strings.Contains(s.log.String(), "access token not renewed") || !strings.Contains(s.log.String(), "withdrawn") {
		t.Error("the log says nothing of the trouble")
	}
}
