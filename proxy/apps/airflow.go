package apps

// airflow is Airflow 3 with the FAB auth manager, whose REMOTE_USER it is made to take
// from our header.
func airflow() App {
	return App{
		Name: "airflow", Title: "Airflow",
		Words: []string{"airflow"},
		Sign:  Sign{Path: "/api/v2/monitor/health", Header: "Content-Type: application/json", Body: `"latest_dag_processor_heartbeat"`},
		// Its button leads to /api/v2/auth/logout, and from there to /auth/logout, which
		// would sign the same person in again at once.
		Logout:      []string{"/auth/logout"},
		Environment: airflowEnvironment,
		Recipe:      airflowRecipe(),
	}
}

// airflowEnvironment has workers talk to the server itself: they have no session here.
func airflowEnvironment(at Place) []string {
	return []string{
		"AIRFLOW__API__HOST=" + at.Host,
		"AIRFLOW__API__PORT=" + at.Port,
		"AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http://" + at.Host + ":" + at.Port + "/execution/",
	}
}

func airflowRecipe() Recipe {
	return Recipe{
		Install: "pip install apache-airflow apache-airflow-providers-fab",
		Command: []string{"env", "PYTHONPATH=.", "AIRFLOW__CORE__AUTH_MANAGER=sidegate_auth.AuthManager", "airflow", "api-server", "--proxy-headers"},
		Port:    "8081", // its usual one is sidegate's own
		Files:   []File{{"sidegate_auth.py", airflowAuth}},
		Who:     "User in the menu, by the address",
		Notes: []string{
			"All parts of Airflow need the two settings before its name, and the file. Once, before the start: airflow db migrate, with them.",
			"Without the class SamePerson a browser that two people share would go on as the first one: Airflow's own cookies outlive the session here.",
			"Everybody starts as Viewer. The first administrator: airflow users create --role Admin --username you@example.com --email you@example.com --firstname A --lastname B --use-random-password.",
			"If [api] base_url is the public address, then [core] execution_api_server_url has to name the server itself: workers have no session here.",
			"Programs with a token of Airflow's own talk to the server itself: sidegate asks them for a session.",
			"When the session ends, the page goes to sign in by itself with the next thing that it asks for, and comes back.",
		},
		Tested: "test/dashboards",
	}
}

const airflowAuth = `"""Airflow takes who is signed in from sidegate, on each request."""

import json
import os
from base64 import urlsafe_b64decode
from http.cookies import CookieError, SimpleCookie
from urllib.parse import unquote

from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride
from flask import request
from flask_appbuilder.const import AUTH_REMOTE_USER


class AuthManager(FabAuthManager):
    def serialize_user(self, user):
        return super().serialize_user(user) | {"name": user.username}

    def get_fastapi_middlewares(self):
        return [*super().get_fastapi_middlewares(), (SamePerson, {})]


class SamePerson:
    """Hides Airflow's cookies unless they are of the person whom sidegate names.

    They outlive sidegate's session: without this, who signs in next in the same
    browser would go on as the person before.
    """

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] in ("http", "websocket"):
            def values(name):
                return [value.decode("latin-1") for key, value in scope["headers"] if key == name]

            email = "".join(values(b"x-user-email"))
            if not email or name_in("; ".join(values(b"cookie"))) != email:
                scope["headers"] = [h for h in scope["headers"] if h[0] != b"cookie"]
        await self.app(scope, receive, send)


def name_in(cookies):
    """The name in Airflow's token. That it is genuine, Airflow itself checks later."""
    try:
        payload = SimpleCookie(cookies)["_token"].value.split(".")[1]
        return json.loads(urlsafe_b64decode(payload + "==")).get("name")
    except (AttributeError, CookieError, IndexError, KeyError, ValueError):
        return None


class SecurityManager(FabAirflowSecurityManagerOverride):
    def auth_user_remote_user(self, username):
        if self.find_user(username=username) is None:
            first, _, last = unquote(request.headers.get("X-User-Name", username)).partition(" ")
            self.add_user(username, first, last or "-", username, self.find_role(self.auth_user_registration_role))
        return super().auth_user_remote_user(username)


# What would stand in webserver_config.py: Airflow reads it from this file as well.
os.environ["AIRFLOW__FAB__CONFIG_FILE"] = os.path.abspath(__file__)
AUTH_TYPE = AUTH_REMOTE_USER
AUTH_REMOTE_USER_ENV_VAR = "HTTP_X_USER_EMAIL"
AUTH_USER_REGISTRATION_ROLE = "Viewer"
SECURITY_MANAGER_CLASS = SecurityManager
`
