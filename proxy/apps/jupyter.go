package apps

import "strings"

// jupyter is Jupyter Server 2 and later with JupyterLab or Notebook 7. Without the
// recipe's identity provider it asks for its own token besides.
func jupyter() App {
	return App{
		Name: "jupyter", Title: "Jupyter Server",
		Words: []string{"jupyter", "jupyter-lab", "jupyter-notebook", "jupyter-server", "jupyterlab", "jupyter_server"},
		// Answered to anybody.
		Sign: Sign{
			Path: "/api", Body: `{"version": "`,
			Header: "Content-Security-Policy: frame-ancestors 'self'; report-uri /api/security/csp-report",
		},
		Ended: jupyterEnded,
		Waits: jupyterKernel,
		// File > Shut Down would end the server for everybody.
		Denied: []string{"/api/shutdown"},
		// File > Log Out.
		Logout: []string{"/logout"},
		// With another port taken in its place, nobody would find it.
		Environment: func(at Place) []string {
			return []string{"JUPYTER_PORT=" + at.Port, "JUPYTER_PORT_RETRIES=0"}
		},
		Recipe: jupyterRecipe(),
	}
}

// jupyterEnded is the 401 to one of its calls: the page shows the message in its
// dialogs, when it cannot save for instance.
func jupyterEnded(path string) any {
	if !strings.Contains(path, "/api/") {
		return nil
	}
	return map[string]string{
		"error":   "session_required",
		"message": "Your session has ended. Open this site in another tab and sign in, then go on here: nothing on this page is lost.",
	}
}

// jupyterKernel reports whether a page asks there for its kernel, as it does when the
// WebSocket is gone. To a 401 it says that the kernel died, which is not so, and it
// never asks again; a 424 has it ask every 10 to 30 seconds, and go on where it was.
func jupyterKernel(path string) bool {
	_, kernel, ok := strings.Cut(path, "/api/kernels/")
	return ok && kernel != "" && !strings.Contains(kernel, "/")
}

// jupyterConfig has Jupyter believe our headers and nothing else.
const jupyterConfig = `from urllib.parse import unquote

from jupyter_server.auth.identity import IdentityProvider, User


class Sidegate(IdentityProvider):
    """Whoever sidegate says is signed in. Nobody else: no token, no password, no cookie."""

    def get_user(self, handler):
        headers = handler.request.headers
        email = headers.get("X-User-Email")
        if not email:
            return None
        name = unquote(headers.get("X-User-Name", "")) or email
        return User(username=email, name=name, display_name=name, avatar_url=headers.get("X-User-Picture"))


c.ServerApp.identity_provider_class = Sidegate
c.IdentityProvider.token = ""
c.ServerApp.allow_remote_access = True  # the Host is sidegate's public one
c.ServerApp.allow_unauthenticated_access = False
c.ServerApp.allow_root = True  # as in a container; elsewhere somebody else should start it
`

func jupyterRecipe() Recipe {
	return Recipe{
		Install:  "pip install jupyterlab",
		Command:  []string{"jupyter", "lab", "--config=jupyter_server_config.py", "--no-browser"},
		Port:     "8888",
		Files:    []File{{Name: "jupyter_server_config.py", Content: jupyterConfig}},
		Settings: []string{"NOTICE=true"},
		Who:      "GET /api/me; in a server extension, handler.current_user",
		Notes: []string{
			"It is one server: everybody who may pass shares its files, kernels and terminals, and its kernels can reach whatever it can. JupyterHub gives each person one of their own.",
			"What runs in its kernels can connect to the server itself and claim to be anybody; X-User-Assertion, checked in get_user, rules that out.",
			"A page in front asks its server all the time, which counts as activity: SIDEGATE_SESSION_IDLE ends nobody's session there, SIDEGATE_SESSION_MAX does.",
			"Without SIDEGATE_NOTICE=true a page whose session ended shows nothing until it cannot save; then it says why.",
			"A page whose session ended waits: after a sign-in in another tab its kernel is back within half a minute, and unsaved work can be saved. A reload would lose it.",
			"A terminal tries for about a minute; after that, open it again.",
		},
		Tested: "test/dashboards",
	}
}
