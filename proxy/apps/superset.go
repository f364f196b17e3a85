package apps

// superset is Superset 6 with Flask-AppBuilder's REMOTE_USER, which it is made to take
// from our header.
func superset() App {
	return App{
		Name: "superset", Title: "Superset",
		Words: []string{"superset"},
		Sign:  Sign{Path: "/static/assets/manifest.json", Body: `"app": "superset"`},
		// It would sign the same person in again at once.
		Logout: []string{"/logout/"},
		Recipe: supersetRecipe(),
	}
}

func supersetRecipe() Recipe {
	return Recipe{
		// Release 6.1.0 names neither rich nor cachetools, and does not know Flask-Caching 2.4.
		Install: "pip install apache-superset rich cachetools 'Flask-Caching<2.4'",
		Command: []string{"env", "SUPERSET_CONFIG_PATH=superset_config.py", "superset", "run", "-h", "127.0.0.1", "-p", "{port}", "--with-threads"},
		Port:    "8088",
		Files:   []File{{"superset_config.py", supersetConfig}},
		Who:     "the user's name, under Settings, Info",
		Notes: []string{
			"SUPERSET_SECRET_KEY in its environment has to be a long random text that stays the same. Once, before the start: superset db upgrade && superset init, with it and SUPERSET_CONFIG_PATH.",
			"Without same_person a browser that two people share would go on as the first one: Superset's own session outlives the one here.",
			"Superset 6.0 and 6.1 would show a sign-in page of their own without register_superset_auth_view = False.",
			"Everybody starts with the role Gamma. The first administrator: superset fab create-admin --username you@example.com --email you@example.com, with any name and a long random password.",
			`For more than a trial: gunicorn --bind 127.0.0.1:{port} --threads 20 "superset.app:create_app()" in place of superset run.`,
			"When the session ends, the page goes to sign in by itself with the next thing that it asks for, and comes back; if what it needs first is one of its scripts, it shows an error until it is reloaded, which SIDEGATE_PUBLIC_PATHS=/static/ avoids.",
		},
		Tested: "test/dashboards",
	}
}

const supersetConfig = `"""Superset takes who is signed in from sidegate, on each request."""

from urllib.parse import unquote

from flask import request, session
from flask_appbuilder.security.manager import AUTH_REMOTE_USER
from flask_login import current_user, logout_user
from superset.security import SupersetSecurityManager


class SecurityManager(SupersetSecurityManager):
    # Superset 6 would put a sign-in page of its own in front of AUTH_REMOTE_USER.
    register_superset_auth_view = False

    def auth_user_remote_user(self, username):
        if self.find_user(username=username) is None:
            first, _, last = unquote(request.headers.get("X-User-Name", username)).partition(" ")
            self.add_user(username, first, last or "-", username, self.find_role(self.auth_user_registration_role))
        return super().auth_user_remote_user(username)


CUSTOM_SECURITY_MANAGER = SecurityManager
AUTH_TYPE = AUTH_REMOTE_USER
AUTH_REMOTE_USER_ENV_VAR = "HTTP_X_USER_EMAIL"
AUTH_USER_REGISTRATION_ROLE = "Gamma"
ENABLE_PROXY_FIX = True
# sidegate says neither, so nobody else may.
PROXY_FIX_CONFIG = {"x_for": 1, "x_proto": 1, "x_host": 1, "x_port": 0, "x_prefix": 0}


def FLASK_APP_MUTATOR(app):
    @app.before_request
    def same_person():
        """Ends Superset's session if it is not of the person whom sidegate names.

        It outlives sidegate's: without this, who signs in next in the same browser
        would go on as the person before.
        """
        if current_user.is_authenticated and current_user.username != request.headers.get("X-User-Email"):
            logout_user()
            session.clear()
`
