package apps

// grafana is Grafana with its auth proxy. It is under the AGPL and in no package
// registry, so no test here runs it: all of this is from its documentation and source.
func grafana() App {
	return App{
		Name: "grafana", Title: "Grafana",
		Words:       []string{"grafana", "grafana-server"},
		Sign:        Sign{Path: "/api/health", Header: "Content-Type: application/json", Body: `"database":`},
		Logout:      []string{"/logout"},
		Environment: grafanaEnvironment,
		Recipe:      grafanaRecipe(),
	}
}

func grafanaEnvironment(at Place) []string {
	env := []string{
		"GF_SERVER_HTTP_ADDR=" + at.Host,
		"GF_SERVER_HTTP_PORT=" + at.Port,
		"GF_AUTH_PROXY_ENABLED=true",
		"GF_AUTH_PROXY_HEADER_NAME=X-User-Email",
		"GF_AUTH_PROXY_HEADER_PROPERTY=email",
		"GF_AUTH_PROXY_AUTO_SIGN_UP=true",
		"GF_AUTH_PROXY_WHITELIST=127.0.0.1",
		// A login token would outlive the session here.
		"GF_AUTH_PROXY_ENABLE_LOGIN_TOKEN=false",
		// Its cache knows people by all their headers in a row, without anything between:
		// one person's could read as another's.
		"GF_AUTH_PROXY_SYNC_TTL=0",
		// Else anybody could send the administrator's first password, which is "admin".
		"GF_AUTH_BASIC_ENABLED=false",
		"GF_AUTH_DISABLE_LOGIN_FORM=true",
		"GF_METRICS_ENABLED=false", // open to everybody otherwise
	}
	if at.Public != nil { // its live channel compares Origin with it
		env = append(env, "GF_SERVER_ROOT_URL="+at.Public.String())
	}
	return env
}

func grafanaRecipe() Recipe {
	return Recipe{
		Port:  "3000",
		Image: "grafana/grafana",
		Who:   "the profile, behind the picture",
		Notes: []string{
			"GF_SECURITY_ADMIN_EMAIL=you@example.com, before the first start, makes you its administrator.",
			"GF_USERS_AUTO_ASSIGN_ORG_ROLE is what everybody else starts as: Viewer, unless it says something else.",
			"GF_AUTH_PROXY_WHITELIST has to hold the address that Grafana sees sidegate come from, if that is not on the same machine.",
			"GF_SERVER_ROOT_URL has to be the public address, or live panels stay empty: Grafana compares it with Origin.",
			"Names: GF_AUTH_PROXY_HEADERS=Name:X-User-Name shows one with signs other than plain letters percent-encoded; headers_encoded=true expects quoted-printable, which is neither that nor RFC 2047.",
			"When the session ends, the page reloads itself with the next thing that it asks for, and so goes to sign in and comes back.",
		},
		Tested: "not tested here",
	}
}
