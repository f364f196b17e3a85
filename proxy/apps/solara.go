package apps

// solara is Solara's own server, which reads HOST and PORT by itself.
func solara() App {
	return App{
		Name: "solara", Title: "Solara",
		Words: []string{"solara"},
		Sign:  Sign{Path: "/resourcez", Body: `"has_connected"`},
		// How many people are there and what the server is doing, for anybody.
		Denied: []string{"/resourcez"},
		Recipe: Recipe{
			Install:  "pip install solara",
			Command:  []string{"solara", "run", "app.py", "--production", "--host", "127.0.0.1", "--port", "{port}"},
			Port:     "8765",
			Settings: []string{"NOTICE=true"},
			Who:      `solara.lab.headers.value["x-user-email"][0]`,
			Notes: []string{
				"The headers are those of when the page connected; outside a page their value is None.",
				`A name that is not plain ASCII: urllib.parse.unquote(solara.lab.headers.value["x-user-name"][0]).`,
				"Servers that cannot reach a public CDN want pip install solara-assets of the same version.",
				`A log-out button is a link: solara.HTML("a", "Log out", attributes={"href": "/_gate/logout"}).`,
				"When the session ends, the page would keep what it shows, with dead buttons: SIDEGATE_NOTICE=true covers it and leads to sign in and back. After a sign-in in another tab it has to be reloaded.",
			},
			Tested: "test/dashboards",
		},
	}
}
