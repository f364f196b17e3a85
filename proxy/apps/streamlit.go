package apps

import (
	"strings"
)

// streamlit is Streamlit 1.49 and later; what its own release does not know yet does
// no harm.
func streamlit() App {
	return App{
		Name: "streamlit", Title: "Streamlit",
		Words: []string{"streamlit"},
		Sign:  Sign{Path: "/_stcore/host-config", Header: "Content-Type: application/json", Body: `"useExternalAuthToken"`},
		Ended: StreamlitEnded,
		// Both answer anybody: one lists users' addresses when asked to, the other runs the
		// script.
		Denied: []string{"/_stcore/metrics", "/_stcore/script-health-check"},
		Logout: []string{"/auth/logout"},
		Login:  []string{"/auth/login"},
		// Of st.login, from before sidegate: claims that our headers do not replace would
		// still be taken from it.
		Cookies: []string{"_streamlit_user"},
		Socket: Socket{
			Path: "/_stcore/stream", Protocols: []string{"streamlit", "PLACEHOLDER_AUTH_TOKEN"},
			Farewell: streamlitRedirect, Resumes: streamlitResumes, Assigned: streamlitAssigned,
		},
		Environment: streamlitEnvironment,
		Recipe:      streamlitRecipe(),
	}
}

// StreamlitEnded is the 401 to one of Streamlit's own calls, which live under
// /_stcore/ at any depth: for a deep link to /reports its page first asks
// /reports/_stcore/health. The page shows the body in its dialog if, and only if,
// it is a JSON string.
func StreamlitEnded(path string) any {
	if !strings.Contains(path, "/_stcore/") {
		return nil
	}
	return "Your session has ended.\nReload this page to sign in again."
}

// streamlitEnvironment tells Streamlit to take st.user from our headers. No value in
// it may change while somebody is signed in: Streamlit compares all of st.user when a
// tab reconnects, and drops the tab's state if anything differs.
func streamlitEnvironment(at Place) []string {
	return []string{
		"STREAMLIT_SERVER_ADDRESS=" + at.Host,
		"STREAMLIT_SERVER_PORT=" + at.Port,
		"STREAMLIT_SERVER_HEADLESS=true",
		"STREAMLIT_BROWSER_GATHER_USAGE_STATS=false",
		`STREAMLIT_SERVER_TRUSTED_USER_HEADERS={"X-User-Email":"email","X-User-Name":"name",` +
			`"X-User-Id":"sub","X-User-Picture":"picture","X-User-Logged-In":"is_logged_in"}`,
	}
}

func streamlitRecipe() Recipe {
	return Recipe{
		Install: "pip install streamlit",
		Command: []string{"streamlit", "run", "app.py"},
		Port:    "8501",
		Who:     "st.user.email",
		Notes: []string{
			"An app written for st.login works as it is: st.user is filled from the start, and st.logout() signs out of sidegate.",
			"st.user needs Streamlit 1.49 or later; st.context.headers has the same with 1.37 or later.",
		},
		Tested: "test/dashboards",
	}
}
