package e2e

import (
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"sidegate/test/parts"
	"sidegate/test/rig"
)

const (
	// The canaries are secrets whose bytes appear nowhere else: a log that holds
	// one has leaked.
	clientSecret  = "canary-client-secret-of-the-e2e-tests"
	sessionSecret = "Z4n7VGGlce+kyxbSa2ZV2zMkmGRhv1QELihxxGJITcs="

	// trustedHeaders is what sidegate's manual tells Streamlit users to set.
	trustedHeaders = `{"X-User-Email":"email","X-User-Name":"name","X-User-Id":"sub","X-User-Logged-In":"is_logged_in"}`
)

// gate is a running sidegate.
type gate struct {
	*rig.Process
	url, admin string
	settings   map[string]string
}

// newGate returns a sidegate that is not started yet, on ports of its own.
func newGate(t *testing.T, settings map[string]string) *gate {
	t.Helper()
	port, admin := rig.FreePort(t), rig.FreePort(t)
	g := &gate{
		url:   "http://localhost:" + strconv.Itoa(port),
		admin: "http://" + rig.Loopback(admin),
		settings: map[string]string{
			"PUBLIC_URL":      "http://localhost:" + strconv.Itoa(port),
			"LISTEN":          rig.Loopback(port),
			"ADMIN_LISTEN":    rig.Loopback(admin),
			"CLIENT_ID":       "sidegate-e2e",
			"CLIENT_SECRET":   clientSecret,
			"ALLOWED_DOMAINS": "example.com",
			"LOG_LEVEL":       "debug",
		},
	}
	for name, value := range settings {
		g.settings[name] = value
	}
	return g
}

// callback is the redirect URI, as it has to be registered at the provider.
func (g *gate) callback() string { return g.url + "/_gate/callback" }

func (g *gate) env() []string {
	var env []string
	for name, value := range g.settings {
		env = append(env, "SIDEGATE_"+name+"="+value)
	}
	return env
}

// serve starts sidegate, or starts it again on the same ports.
func (g *gate) serve(t *testing.T, args ...string) {
	t.Helper()
	g.Process = rig.Start(t, g.env(), program(t), args...)
	g.Answers(t, g.url+"/_gate/healthz")
}

// stop ends sidegate as a service manager does.
func (g *gate) stop(t *testing.T) {
	t.Helper()
	g.Signal(syscall.SIGTERM)
	if code := g.ExitCode(t); code != 0 {
		t.Errorf("exit code after SIGTERM = %d, want 0; it printed:\n%s", code, g.Output.Tail(4<<10))
	}
}

// startProvider starts the independent OpenID provider and returns its issuer.
func startProvider(t *testing.T, redirectURIs ...string) string {
	t.Helper()
	return startProviderAt(t, rig.FreePort(t), redirectURIs...)
}

func startProviderAt(t *testing.T, port int, redirectURIs ...string) string {
	t.Helper()
	node, modules := part(t, parts.Cache.Node), part(t, parts.Cache.Modules)
	server := filepath.Join(checkout(t), "test", "provider", "server.mjs")
	args := append([]string{server, modules, strconv.Itoa(port)}, redirectURIs...)
	issuer := "http://" + rig.Loopback(port)
	rig.Start(t, nil, node, args...).Answers(t, issuer+"/.well-known/openid-configuration")
	return issuer
}

// streamlitEnv keeps Streamlit from asking and from telling.
func streamlitEnv() []string {
	return []string{
		"STREAMLIT_BROWSER_GATHER_USAGE_STATS=false",
		"STREAMLIT_SERVER_FILE_WATCHER_TYPE=none",
		"STREAMLIT_SERVER_HEADLESS=true",
	}
}

// startStreamlit starts the example app, told to trust the identity headers, and
// returns its address.
func startStreamlit(t *testing.T) string {
	t.Helper()
	port := rig.FreePort(t)
	env := append(streamlitEnv(),
		"STREAMLIT_SERVER_TRUSTED_USER_HEADERS="+trustedHeaders,
		"STREAMLIT_SERVER_ADDRESS=127.0.0.1",
		"STREAMLIT_SERVER_PORT="+strconv.Itoa(port),
	)
	p := rig.Start(t, env, part(t, parts.Cache.Streamlit), "run", exampleApp(t))
	p.Answers(t, "http://"+rig.Loopback(port)+"/_stcore/health")
	return "http://" + rig.Loopback(port)
}

func exampleApp(t *testing.T) string {
	return filepath.Join(checkout(t), "examples", "streamlit", "app.py")
}
