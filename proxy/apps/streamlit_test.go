package apps

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestStreamlitIsKnownByItsCommand(t *testing.T) {
	for command, want := range map[string]bool{
		"streamlit run app.py":                    true,
		"/opt/venv/bin/streamlit run app.py":      true,
		"python -m streamlit run app.py":          true,
		"uv run streamlit run app.py":             true,
		"python app.py":                           false,
		"python streamlit_app.py --name=streamli": false,
	} {
		if got := IsStreamlit(strings.Fields(command)); got != want {
			t.Errorf("%q: %v, want %v", command, got, want)
		}
	}
}

func TestStreamlitCallsAreKnownAtAnyDepth(t *testing.T) {
	for path, want := range map[string]bool{
		"/_stcore/health": true, "/reports/_stcore/host-config": true, "/a/b/_stcore/stream": true,
		"/_stcore": false, "/": false, "/x_stcore/health": false, "/static/_stcore.js": false,
	} {
		if got := StreamlitCall(path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

// The child's environment maps headers we send, all of them stable while somebody
// is signed in, and nothing else.
func TestStreamlitTakesStUserFromOurHeaders(t *testing.T) {
	env := StreamlitEnvironment("127.0.0.1:8501")
	i := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, "STREAMLIT_SERVER_TRUSTED_USER_HEADERS=") })
	if i < 0 {
		t.Fatal("no trusted headers")
	}
	var mapped map[string]string
	if err := json.Unmarshal([]byte(env[i][strings.IndexByte(env[i], '=')+1:]), &mapped); err != nil {
		t.Fatal(err)
	}
	for header := range mapped {
		if !slices.Contains([]string{"X-User-Email", "X-User-Name", "X-User-Id", "X-User-Picture", "X-User-Logged-In"}, header) {
			t.Errorf("%s is mapped into st.user", header)
		}
	}
	if mapped["X-User-Email"] != "email" || !slices.Contains(env, "STREAMLIT_SERVER_PORT=8501") {
		t.Errorf("got %v", env)
	}
}
