package e2e

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"sidegate/session/sessiontest"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

func TestEveryFaultOfTheSettingsIsInOneReport(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, []string{
		"SIDEGATE_UPSTREAM=ftp://app",
		"SIDEGATE_CLIENT_ID=id",
		"SIDEGATE_CLIENT_SECRET=" + clientSecret,
		"SIDEGATE_SESSION_IDLE=soon",
		"SIDEGATE_ALOWED_EMAILS=alice@example.com",
	}, stage.Program(t))
	if code := p.ExitCode(t); code == 0 {
		t.Error("exit code = 0, want a failure")
	}
	out := p.Output.String()
	for _, want := range []string{
		"SIDEGATE_UPSTREAM", "SIDEGATE_SESSION_IDLE",
		"SIDEGATE_ALOWED_EMAILS", "nearest known name is SIDEGATE_ALLOWED_EMAILS",
		"SIDEGATE_ALLOWED_DOMAINS", // no rule says who may enter
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in the report:\n%s", want, out)
		}
	}
	if strings.Contains(out, clientSecret) {
		t.Errorf("the report holds the client's secret:\n%s", out)
	}
}

func TestNobodyIsServedWithoutARule(t *testing.T) {
	t.Parallel()
	g := stage.NewGate(t, map[string]string{"UPSTREAM": "http://127.0.0.1:9"})
	delete(g.Settings, "ALLOWED_DOMAINS")
	p := rig.Start(t, g.Env(), stage.Program(t))
	if code := p.ExitCode(t); code == 0 {
		t.Error("exit code = 0, want a failure")
	}
	for _, want := range []string{"ALLOWED_DOMAINS", "ALLOWED_EMAILS", "ALLOW_ANYONE"} {
		if out := p.Output.String(); !strings.Contains(out, want) {
			t.Errorf("%q is not in the report:\n%s", want, out)
		}
	}
}

func TestTheProviderMayBeDownAtTheStart(t *testing.T) {
	t.Parallel()
	port := rig.FreePort(t)
	g := stage.NewGate(t, map[string]string{"UPSTREAM": echoApp(t), "ISSUER": "http://" + rig.Loopback(port)})
	g.Serve(t, nil)

	someone := newPerson(t)
	ready := someone.eventuallyGets(g.Admin+"/readyz", http.StatusServiceUnavailable)
	if !strings.Contains(ready.body, "provider") {
		t.Errorf("/readyz does not name the provider: %s", ready.body)
	}
	down := someone.get(g.URL + "/")
	if down.StatusCode != http.StatusServiceUnavailable || down.Header.Get("Retry-After") == "" {
		t.Errorf("page load = %s, Retry-After %q; want 503 and a time", down.Status, down.Header.Get("Retry-After"))
	}

	stage.StartProviderAt(t, port, g.Callback())
	if d := took(func() { someone.eventuallyGets(g.Admin+"/readyz", http.StatusOK) }); d > 10*time.Second {
		t.Errorf("sidegate noticed the provider after %v; 3 s are promised, and this machine may be busy", d)
	}
	if got := someone.signIn(g.URL+"/deep?link=1", "alice@example.com"); !strings.Contains(got.body, "GET /deep?link=1 ") {
		t.Errorf("after sign-in: %s\n%s", got.Status, got.body)
	}
}

func TestAnUnreachableStoreIsNeverAbsence(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]struct {
		cause, mend func(*sessiontest.RedisServer)
	}{
		"it hangs":         {(*sessiontest.RedisServer).Pause, (*sessiontest.RedisServer).Resume},
		"its process died": {(*sessiontest.RedisServer).Kill, (*sessiontest.RedisServer).Start},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := sessiontest.Redis(t)
			g := stage.NewGate(t, map[string]string{
				"UPSTREAM": echoApp(t), "SESSION_STORE": redis.URL, "SECRET": sessionSecret, "STORE_GRACE": "5s",
			})
			g.Settings["ISSUER"] = stage.StartProvider(t, g.Callback())
			g.Serve(t, nil)
			alice := newPerson(t)
			if got := alice.signIn(g.URL+"/", "alice@example.com"); !strings.Contains(got.body, "X-User-Email: alice@example.com") {
				t.Fatalf("sign-in led to %s\n%s", got.Status, got.body)
			}
			cookies := alice.secrets(g)

			trouble.cause(redis)
			if got := alice.get(g.URL + "/page"); !strings.Contains(got.body, "X-User-Email: alice@example.com") {
				t.Errorf("within the grace: %s\n%s", got.Status, got.body)
			}
			withoutStore(t, g, alice)
			trouble.mend(redis)
			alice.eventuallyGets(g.Admin+"/readyz", http.StatusOK)
			if got := alice.get(g.URL + "/page"); got.StatusCode != http.StatusOK {
				t.Errorf("once the store is back: %s\n%s", got.Status, got.body)
			}
			if name == "it hangs" && strings.Join(alice.secrets(g), " ") != strings.Join(cookies, " ") {
				t.Error("the store's trouble made alice sign in again")
			}
		})
	}
}

// withoutStore checks what somebody with a session gets while the store is away.
func withoutStore(t *testing.T, g *stage.Gate, alice *person) {
	t.Helper()
	visited := len(alice.visited)
	got := alice.eventuallyGets(g.URL+"/page", http.StatusServiceUnavailable)
	if got.Header.Get("Retry-After") == "" || len(got.Cookies()) > 0 {
		t.Errorf("with the store away: Retry-After %q, cookies %v; want a time, no cookie", got.Header.Get("Retry-After"), got.Cookies())
	}
	if len(alice.visited) != visited {
		t.Errorf("with the store away alice was sent to %v, want no redirect", alice.visited[visited:])
	}
	if strings.Contains(got.body, "GET /page") {
		t.Error("the app was asked with the store away")
	}
	if ready := alice.get(g.Admin + "/readyz"); ready.StatusCode != http.StatusServiceUnavailable || !strings.Contains(ready.body, "store") {
		t.Errorf("/readyz = %s, want 503 that names the store: %s", ready.Status, ready.body)
	}
}

func TestStopping(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		g := stage.NewGate(t, map[string]string{"UPSTREAM": echoApp(t), "ISSUER": "http://127.0.0.1:9"})
		g.Serve(t, nil)
		g.Signal(s)
		if code := g.ExitCode(t); code != 0 {
			t.Errorf("exit code after %v = %d, want 0", s, code)
		}
	}
}

func TestLogsHoldNoSecret(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			g := stage.NewGate(t, map[string]string{
				"UPSTREAM": echoApp(t), "SECRET": sessionSecret, "LOG_FORMAT": format,
			})
			g.Settings["ISSUER"] = stage.StartProvider(t, g.Callback())
			g.Serve(t, nil)
			for _, account := range []string{"alice@example.com", "mallory@evil.example"} {
				someone := newPerson(t)
				someone.signIn(g.URL+"/?canary=in-the-query", account)
				callback := someone.visited[len(someone.visited)-1]
				for _, u := range someone.visited {
					if u.Path == "/_gate/callback" {
						callback = u
					}
				}
				someone.get(callback.String()) // once more, too late
				someone.get(g.URL + "/_gate/callback?" + "state=canary-state&code=canary-code")
				secrets := append(someone.secrets(g), clientSecret, sessionSecret, "in-the-query", "canary-state", "canary-code")
				if len(secrets) < 8 {
					t.Fatalf("only %d secrets seen: the sign-in did not happen", len(secrets))
				}
				for _, secret := range secrets {
					if strings.Contains(g.Output.String(), secret) {
						t.Errorf("the log holds %q:\n%s", secret, g.Output)
					}
				}
			}
		})
	}
}
