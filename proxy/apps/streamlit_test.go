package apps_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"sidegate/proxy/apps"
)

func TestStreamlitCallsAreKnownAtAnyDepth(t *testing.T) {
	for path, want := range map[string]bool{
		"/_stcore/health": true, "/reports/_stcore/health": true, "/a/b/_stcore/stream": true, "/_stcore/upload_file/a/b": true,
		"/": false, "/_stcore": false, "/x_stcore/health": false, "/_stcorex/health": false, "/static/x.js": false, "": false,
	} {
		if got := apps.StreamlitEnded(path) != nil; got != want {
			t.Errorf("%s gets an answer for Streamlit's page: %v, want %v", path, got, want)
		}
	}
}

// What goes into st.user is compared as a whole when a tab reconnects: it may hold
// nothing that changes while somebody is signed in, and no name that we do not send.
func TestStreamlitEnvironment(t *testing.T) {
	got := map[string]string{}
	for _, line := range apps.Named("streamlit").Environment(apps.Place{Host: "127.0.0.1", Port: "8501"}) {
		name, value, _ := strings.Cut(line, "=")
		got[name] = value
	}
	if got["STREAMLIT_SERVER_ADDRESS"] != "127.0.0.1" || got["STREAMLIT_SERVER_PORT"] != "8501" || got["STREAMLIT_SERVER_HEADLESS"] != "true" {
		t.Errorf("Streamlit is told %v, want to listen on 127.0.0.1:8501 without a browser", got)
	}
	var headers map[string]string
	if err := json.Unmarshal([]byte(got["STREAMLIT_SERVER_TRUSTED_USER_HEADERS"]), &headers); err != nil {
		t.Fatalf("trustedUserHeaders: %v", err)
	}
	want := []string{"X-User-Email", "X-User-Id", "X-User-Logged-In", "X-User-Name", "X-User-Picture"}
	if names := slices.Sorted(maps.Keys(headers)); !slices.Equal(names, want) {
		t.Errorf("st.user is made from %v, want %v", names, want)
	}
	if headers["X-User-Logged-In"] != "is_logged_in" {
		t.Errorf("st.user.is_logged_in is made from something else than X-User-Logged-In: %v", headers)
	}
}
