package e2e

import (
	"path/filepath"
	"strconv"
	"testing"

	"sidegate/test/parts"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

const (
	clientSecret = stage.ClientSecret

	// The canary's bytes appear nowhere else: a log that holds them has leaked.
	sessionSecret = "Z4n7VGGlce+kyxbSa2ZV2zMkmGRhv1QELihxxGJITcs="

	// trustedHeaders is what sidegate's manual tells Streamlit users to set.
	trustedHeaders = `{"X-User-Email":"email","X-User-Name":"name","X-User-Id":"sub","X-User-Logged-In":"is_logged_in"}`
)

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
	p := rig.Start(t, env, stage.Part(t, parts.Cache.Streamlit), "run", exampleApp(t))
	p.Answers(t, "http://"+rig.Loopback(port)+"/_stcore/health")
	return "http://" + rig.Loopback(port)
}

func exampleApp(t *testing.T) string {
	return filepath.Join(stage.Checkout(t), "examples", "streamlit", "app.py")
}
