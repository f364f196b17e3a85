package apps

// shinyPython is Shiny for Python. Its page is the one of Shiny for R.
func shinyPython() App {
	return App{
		Name: "shiny-python", Title: "Shiny for Python",
		Words:  []string{"shiny"},
		Sign:   Sign{Path: "/", Header: "Content-Type: text/html", Body: `src="lib/shiny-`},
		Socket: Socket{Farewell: shinyFarewell, Text: true},
		Recipe: Recipe{
			Install: "pip install shiny",
			Command: []string{"shiny", "run", "--no-dev-mode", "--port", "{port}", "app.py"},
			Port:    "8000",
			Who:     `session.http_conn.headers["X-User-Email"]`,
			Notes: []string{
				"A name outside ASCII comes percent-encoded: urllib.parse.unquote(session.http_conn.headers[\"X-User-Name\"]).",
				"A link to /_gate/logout signs out.",
				"Without --reload: that has the page open a second WebSocket, to a port of its own.",
			},
			Tested: "test/dashboards",
		},
	}
}
