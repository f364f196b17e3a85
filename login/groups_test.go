package login_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"sidegate/access"
	"sidegate/login"
	"sidegate/login/logintest"
)

// SEC-DOM-14: the rule has its effect, with what the provider's claim says.
func TestWhoTheProviderSaysIsInAnAllowedGroupSignsIn(t *testing.T) {
	k := &tokens{site: setup{rules: access.Rules{Groups: []string{"admins"}}}.start(t)}
	for _, tt := range []struct {
		name   string
		groups any
		status int
	}{
		{"in it", []string{"staff", "admins"}, http.StatusOK},
		{"in others", []string{"staff", "Admins", "admins2", "admins,x"}, http.StatusForbidden},
		{"in none", []string{}, http.StatusForbidden},
		{"no claim", nil, http.StatusForbidden},
		{"a text", "admins", http.StatusForbidden},
		{"an object", logintest.Object{"admins": true}, http.StatusForbidden},
		{"names and a number", []any{"admins", 1}, http.StatusForbidden},
		{"the last of many", append(strings.Fields(strings.Repeat("another-group ", 600)), "admins"), http.StatusOK},
	} {
		if p := k.try(claim("groups", tt.groups)); p.status != tt.status {
			t.Errorf("%s: got %d, want %d", tt.name, p.status, tt.status)
		}
	}
	if p := k.try(func(tok *logintest.IDToken) { tok.Claims["email_verified"] = false }); p.status != http.StatusForbidden {
		t.Errorf("an address that is not verified: got %d", p.status)
	}
}

func TestGroupsComeFromTheConfiguredClaim(t *testing.T) {
	for _, name := range []string{"teams", "https://claims.example/groups", "Groups2"} {
		k := &tokens{site: setup{
			rules:  access.Rules{Groups: []string{"admins"}},
			change: func(o *login.Options) { o.Client.GroupsClaim = name },
		}.start(t)}
		if p := k.try(nil); p.status != http.StatusForbidden {
			t.Errorf("%s: the claim groups still counts: got %d", name, p.status)
		}
		if p := k.try(claim(name, []string{"admins", "x"})); p.who().Groups != "admins x" {
			t.Errorf("%s: got %d, %+v", name, p.status, p.who())
		}
		if p := k.try(claim(strings.ToUpper(name), []string{"admins"})); p.status != http.StatusForbidden {
			t.Errorf("%s in capitals counts: got %d", name, p.status)
		}
	}
}

// A directory's groups let people in at sign-in; when it cannot say, nobody is signed
// in who needs it, nobody else is kept out, and nothing says that they may not.
func TestSignInByAGroupOfTheDirectory(t *testing.T) {
	api := logintest.NewCloudIdentity(t)
	api.Put("alice@corp.example", "staff@corp.example")
	site := func(rules access.Rules) *site {
		return setup{rules: rules, change: func(o *login.Options) {
			source, err := login.NewGoogleGroups(api.Key(), api.Base(), "")
			if err != nil {
				t.Fatal(err)
			}
			o.Policy.Directory = login.NewDirectory(source, time.Minute, o.Now, slog.New(slog.DiscardHandler))
		}}.start(t)
	}
	byGroup := access.Rules{Groups: []string{"Staff@corp.example"}}
	s := site(byGroup)
	if p := s.newBrowser().open("/page"); p.who().Email != "alice@corp.example" {
		t.Errorf("got %d: %s", p.status, p.text())
	}
	if p := site(access.Rules{Groups: []string{"board@corp.example"}}).newBrowser().open("/page"); p.status != http.StatusForbidden {
		t.Errorf("in another group: got %d", p.status)
	}

	api.Answer(refusal(503))
	s = site(byGroup)
	b := s.newBrowser()
	p := b.open("/page")
	if p.status != http.StatusServiceUnavailable || !strings.Contains(p.body, "which groups you are in") || !strings.Contains(p.body, `href="/_gate/login?rd=%2Fpage"`) {
		t.Errorf("nobody can say: got %d %s", p.status, p.text())
	}
	s.wantNobody()
	if !strings.Contains(s.log.String(), "refused_groups_unknown") {
		t.Errorf("the log does not say why: %s", s.log)
	}
	if p := site(access.Rules{Groups: byGroup.Groups, Domains: []string{"corp.example"}}).newBrowser().open("/page"); p.who().Sub == "" {
		t.Errorf("who needs no group: got %d", p.status)
	}
	api.Answer(nil)
	s.clock.Advance(10 * time.Second)
	b.open("/page") // has it looked up; nobody waits where it has failed before
	eventually(t, func() bool { return b.open("/page").who().Sub != "" })
}

// A directory that hangs takes no more than its time from a sign-in.
func TestSignInDoesNotWaitForADirectoryForEver(t *testing.T) {
	s := setup{change: func(o *login.Options) {
		hanging := &source{}
		hanging.hangs()
		o.Policy.Directory = login.NewDirectory(hanging, time.Minute, o.Now, slog.New(slog.DiscardHandler))
		o.Patience = time.Second
	}}.start(t)
	began := time.Now()
	p := s.newBrowser().open("/page")
	if took := time.Since(began); p.who().Sub == "" || took > 4*time.Second {
		t.Errorf("got %d after %v", p.status, took)
	}
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !is() {
		if ctx.Err() != nil {
			t.Error("it never came to be")
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
