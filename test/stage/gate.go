package stage

import (
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"sidegate/test/parts"
	"sidegate/test/rig"
)

const (
	// ClientSecret is one whose bytes appear nowhere else: a log that holds it has
	// leaked.
	ClientSecret = "canary-client-secret-of-the-e2e-tests"
)

// Gate is a running sidegate.
type Gate struct {
	*rig.Process
	URL, Admin string
	Settings   map[string]string
}

// NewGate returns a sidegate that is not started yet, on ports of its own.
func NewGate(t *testing.T, settings map[string]string) *Gate {
	t.Helper()
	port, admin := rig.FreePort(t), rig.FreePort(t)
	g := &Gate{
		URL:   "http://localhost:" + strconv.Itoa(port),
		Admin: "http://" + rig.Loopback(admin),
		Settings: map[string]string{
			"PUBLIC_URL":      "http://localhost:" + strconv.Itoa(port),
			"LISTEN":          rig.Loopback(port),
			"ADMIN_LISTEN":    rig.Loopback(admin),
			"CLIENT_ID":       "sidegate-e2e",
			"CLIENT_SECRET":   ClientSecret,
			"ALLOWED_DOMAINS": "example.com",
			"LOG_LEVEL":       "debug",
		},
	}
	for name, value := range settings {
		g.Settings[name] = value
	}
	return g
}

// Callback is the redirect URI, as it has to be registered at the provider.
func (g *Gate) Callback() string { return g.URL + "/_gate/callback" }

// Env is its environment.
func (g *Gate) Env() []string {
	var env []string
	for name, value := range g.Settings {
		env = append(env, "SIDEGATE_"+name+"="+value)
	}
	return env
}

// Serve starts sidegate, or starts it again on the same ports, with the given
// environment besides its settings.
func (g *Gate) Serve(t *testing.T, env []string, args ...string) {
	t.Helper()
	g.Process = rig.Start(t, append(env, g.Env()...), Program(t), args...)
	g.Answers(t, g.URL+"/_gate/healthz")
}

// Stop ends sidegate as a service manager does.
func (g *Gate) Stop(t *testing.T) {
	t.Helper()
	g.Signal(syscall.SIGTERM)
	if code := g.ExitCode(t); code != 0 {
		t.Errorf("exit code after SIGTERM = %d, want 0; it printed:\n%s", code, g.Output.Tail(4<<10))
	}
}

// StartProvider starts the independent OpenID provider and returns its issuer.
func StartProvider(t *testing.T, redirectURIs ...string) string {
	t.Helper()
	return StartProviderAt(t, rig.FreePort(t), redirectURIs...)
}

// StartProviderAt starts it on a given port.
func StartProviderAt(t *testing.T, port int, redirectURIs ...string) string {
	t.Helper()
	return startProvider(t, port, nil, redirectURIs...)
}

// StartProviderWith starts it with an environment, which test/provider/server.mjs
// explains.
func StartProviderWith(t *testing.T, env []string, redirectURIs ...string) string {
	t.Helper()
	return startProvider(t, rig.FreePort(t), env, redirectURIs...)
}

func startProvider(t *testing.T, port int, env []string, redirectURIs ...string) string {
	t.Helper()
	node, modules := Part(t, parts.Cache.Node), Part(t, parts.Cache.Modules)
	server := filepath.Join(Checkout(t), "test", "provider", "server.mjs")
	args := append([]string{server, modules, strconv.Itoa(port)}, redirectURIs...)
	issuer := "http://" + rig.Loopback(port)
	rig.Start(t, env, node, args...).Answers(t, issuer+"/.well-known/openid-configuration")
	return issuer
}
