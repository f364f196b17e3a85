package login_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/access"
	"sidegate/login/logintest"
)

// secrets collects what must not be found, by name.
type secrets struct {
	mu   sync.Mutex
	list map[string]string
}

func (s *secrets) add(name, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(secret) > 8 { // an unsigned token's signature is none
		s.list[fmt.Sprint(name, " ", len(s.list))] = secret
	}
}

// collect watches a site's provider for everything secret that passes there.
func collect(s *site) *secrets {
	found := &secrets{list: make(map[string]string)}
	found.add("client secret", s.provider.ClientSecret)
	found.add("client secret, encoded", url.QueryEscape(s.provider.ClientSecret))
	found.add("server secret", "canary-server-secret")
	found.add("e-mail", "alice@corp.example")
	s.provider.Change(func(script *logintest.Script) {
		script.Redirect = func(answer url.Values) { found.add("code", answer.Get("code")) }
		script.Token = func(answer logintest.Object) {
			found.add("access token", answer["access_token"].(string))
			token := answer["id_token"].(string)
			found.add("ID token", token)
			found.add("ID token's signature", token[strings.LastIndex(token, "."):])
			found.add("ID token's claims", strings.Split(token, ".")[1])
		}
	})
	s.provider.Wrap(logintest.TokenPath, func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			r.ParseForm()
			found.add("verifier", r.PostForm.Get("code_verifier"))
			next(w, r)
		}
	})
	s.provider.Wrap(logintest.AuthorizePath, func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			found.add("state", r.URL.Query().Get("state"))
			found.add("nonce", r.URL.Query().Get("nonce"))
			next(w, r)
		}
	})
	return found
}

func (s *secrets) cookies(b *browser) {
	for name, value := range b.cookies() {
		s.add("cookie "+name, value)
	}
}

// wantNone fails the test for each secret in text, but for those named.
func (s *secrets) wantNone(t *testing.T, where, text string, but ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
next:
	for name, secret := range s.list {
		for _, b := range but {
			if strings.HasPrefix(name, b) {
				continue next
			}
		}
		if strings.Contains(text, secret) {
			t.Errorf("%s: the %s is in: %s", where, name, text)
		}
	}
}

func TestLogsHoldNoSecretHoweverASignInEnds(t *testing.T) { // SEC-LEAK-05
	for _, endings := range []map[string]ending{goodEndings(), refusedEndings(), brokenEndings()} {
		for name, end := range endings {
			s := newSite(t)
			found := collect(s)
			b := s.newBrowser()
			end(s, b)
			found.cookies(b)
			log := s.log.String()
			if strings.Count(log, "\n") < 2 {
				t.Errorf("%s: hardly anything was logged: %s", name, log)
			}
			found.wantNone(t, name, log)
			if strings.Contains(log, "private") || strings.Contains(log, "Basic ") {
				t.Errorf("%s: a query or a credential is in the log: %s", name, log)
			}
		}
	}
}

// ending takes a sign-in to one of its ends.
type ending func(s *site, b *browser)

func goodEndings() map[string]ending {
	return map[string]ending{
		"in and out": func(s *site, b *browser) {
			callback := b.callback("/page?private=yes")
			b.open(callback)
			b.open(callback)
			b.logout("POST", map[string]string{"Sec-Fetch-Site": "same-origin"})
			b.open("/_gate/logout")
		},
		"repeated": func(s *site, b *browser) {
			callback := b.callback("/")
			flow := b.cookies()["sidegate-flow"]
			b.step(callback)
			again := s.newBrowser()
			again.setCookie("sidegate-flow", flow)
			again.step(callback)
		},
		"late": func(s *site, b *browser) {
			callback := b.callback("/")
			s.clock.Advance(time.Hour)
			b.open(callback)
		},
	}
}

func refusedEndings() map[string]ending {
	return map[string]ending{
		"elsewhere": func(s *site, b *browser) {
			callback := s.newBrowser().callback("/")
			b.step(callback)
			b.begin("/")
			b.step(callback)
			b.step(callback + "&state=x")
			b.step(withQuery(b.t, callback, "iss", "x"))
		},
		"an error": func(s *site, b *browser) {
			b.step(withQuery(b.t, b.callback("/"), "error", "access_denied"))
			b.step(withQuery(b.t, b.callback("/"), "error", "x"))
		},
		"a bad token": func(s *site, b *browser) {
			for _, change := range []func(*logintest.IDToken){
				claim("nonce", "x"), claim("sub", ""), claim("exp", 1), claim("iat", nil), claim("at_hash", "x"), claim("aud", "x"),
				claim("email_verified", false), claim("email", []string{"alice@corp.example"}), header("alg", "none"), header("kid", "x"),
				func(t *logintest.IDToken) { t.Raw = t.Compact() + "." },
				func(t *logintest.IDToken) { t.Payload = "x" },
			} {
				s.provider.Change(func(script *logintest.Script) { script.IDToken = change })
				b.open("/")
			}
		},
	}
}

func brokenEndings() map[string]ending {
	return map[string]ending{
		"userinfo that repeats secrets": func(s *site, b *browser) {
			s.provider.Change(func(script *logintest.Script) { script.IDToken = withoutEmail })
			for _, status := range []int{200, 401, 500} {
				s.provider.Replace(logintest.UserInfoPath, func(w http.ResponseWriter, r *http.Request) {
					logintest.Answer(status, "application/json", "alice@corp.example "+r.Header.Get("Authorization"))(w, r)
				})
				b.open("/")
			}
		},
		"a token endpoint that repeats secrets": func(s *site, b *browser) {
			for _, status := range []int{200, 302, 400, 401, 500} {
				for _, kind := range []string{"application/json", "text/html", "application/x-www-form-urlencoded"} {
					s.provider.Replace(logintest.TokenPath, func(w http.ResponseWriter, r *http.Request) {
						r.ParseForm()
						w.Header().Set("Location", "/?"+r.PostForm.Encode())
						logintest.Answer(status, kind, "%zz"+r.PostForm.Encode()+r.Header.Get("Authorization"))(w, r)
					})
					b.open("/")
				}
			}
		},
		"an outage": func(s *site, b *browser) {
			callback := b.callback("/")
			s.store.fail()
			b.step(callback)
			s.store.mend()
			s.provider.Down()
			b.step(callback)
			s.provider.Up(s.t)
			b.step(callback)
			b.signIn()
			s.store.fail()
			b.open("/")
			b.logout("POST", map[string]string{"Sec-Fetch-Site": "same-origin"})
		},
	}
}

func TestAnswersHoldNoSecretOfOurs(t *testing.T) { // SEC-LEAK-02, SEC-LEAK-04
	s := setup{rules: access.Rules{Emails: []string{"bob@corp.example"}}}.start(t)
	found := collect(s)
	signInAs(s)
	for _, who := range []string{"alice", "bob"} {
		b := s.newBrowser()
		b.setCookie("provider-user", who)
		start := b.step("/_gate/login?rd=/page")
		callback := b.approve(start.location)
		end := b.step(callback)
		found.wantNone(t, "start", fmt.Sprint(start.header, start.body), "state", "nonce")
		found.wantNone(t, "end", fmt.Sprint(end.header, end.body), "e-mail")
		found.cookies(b)
		for _, p := range []page{b.step(callback), b.step("/_gate/logout"), b.step("/_gate/callback")} {
			found.wantNone(t, "page", fmt.Sprint(p.header["Location"], p.body), "e-mail")
		}
	}
	if len(found.list) < 15 {
		t.Errorf("only %d secrets were collected", len(found.list))
	}
}

func TestLogTakesNoLineFromOutside(t *testing.T) { // SEC-LEAK-06
	s := newSite(t)
	b := s.newBrowser()
	state := query(t, b.callback("/"), "state")
	for _, failure := range []string{"a\r\nlevel=INFO msg=forged", "\x1b[2J", `a" msg="forged`, "\u2028forged", "\x00", "\x7f\u009b"} {
		b.step("/_gate/callback?" + url.Values{"error": {failure}, "state": {state}}.Encode())
	}
	s.Close() // a request's line follows its answer
	log := s.log.String()
	if n := strings.Count(log, "\n"); n != 7 {
		t.Errorf("7 requests made %d lines: %s", n, log)
	}
	if strings.ContainsAny(log, "\r\x1b\x00\x7f\u009b\u2028") || strings.Contains(log, ` msg="forged`) && !strings.Contains(log, `\" msg=\"forged`) {
		t.Errorf("control characters in the log: %q", log)
	}
}
