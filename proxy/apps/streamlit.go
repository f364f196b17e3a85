package apps

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
)

// StreamlitLogout is where the browser goes when an app calls st.logout().
const StreamlitLogout = "/auth/logout"

// IsStreamlit reports whether a command starts Streamlit: "streamlit run app.py",
// "python -m streamlit run app.py" and their kin.
func IsStreamlit(command []string) bool {
	return slices.ContainsFunc(command, func(word string) bool { return filepath.Base(word) == "streamlit" })
}

// StreamlitCall reports whether path is one of Streamlit's own calls, which live
// under /_stcore/ at any depth: for a deep link to /reports its page first asks
// /reports/_stcore/health.
func StreamlitCall(path string) bool { return strings.Contains(path, "/_stcore/") }

// StreamlitSignedOut is the body of a 401 to such a call. Streamlit's page shows
// it in its dialog if, and only if, it is a JSON string.
const StreamlitSignedOut = "Your session has ended.\nReload this page to sign in again."

// StreamlitEnvironment lets a Streamlit that is started as our child listen at
// addr, on loopback, and tells it to take st.user from our headers. No value in
// it may change while somebody is signed in: Streamlit compares all of st.user
// when a tab reconnects, and drops the tab's state if anything differs.
func StreamlitEnvironment(addr string) []string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil
	}
	return []string{
		"STREAMLIT_SERVER_ADDRESS=" + host,
		"STREAMLIT_SERVER_PORT=" + port,
		"STREAMLIT_SERVER_HEADLESS=true",
		"STREAMLIT_BROWSER_GATHER_USAGE_STATS=false",
		`STREAMLIT_SERVER_TRUSTED_USER_HEADERS={"X-User-Email":"email","X-User-Name":"name",` +
			`"X-User-Id":"sub","X-User-Picture":"picture","X-User-Logged-In":"is_logged_in"}`,
	}
}
