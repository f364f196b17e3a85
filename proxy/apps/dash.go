package apps

// dash is Dash 2 and later, with any of its servers. It needs no setting: app.run()
// listens where HOST and PORT say, and its calls go to the page's own origin.
func dash() App {
	return App{
		Name: "dash", Title: "Dash",
		// Any other path of it may be answered with its page, by 200.
		Sign:   Sign{Path: "/_reload-hash", Header: "Content-Type: application/json", Body: `"reloadHash"`},
		Recipe: dashRecipe(),
	}
}

func dashRecipe() Recipe {
	return Recipe{
		Install: "pip install dash",
		Command: []string{"python", "app.py"},
		Port:    "8050",
		// Its page shows nothing when its calls are refused.
		Settings: []string{"NOTICE=true"},
		Who:      `flask.request.headers["X-User-Email"]`,
		Notes: []string{
			"Ask for the headers in callbacks. A layout function is also called once at the start, without a request.",
			`A name that is not plain ASCII: urllib.parse.unquote(flask.request.headers["X-User-Name"]).`,
			"With gunicorn say where to listen, --bind 127.0.0.1:{port}: from PORT alone it listens on every address, past the gate.",
			"Not with app.run(debug=True): its console runs any code for whoever guesses a PIN.",
			`A log-out button is a link: html.A("Log out", href="/_gate/logout").`,
			"When the session ends, the page would keep what it shows, with dead buttons: SIDEGATE_NOTICE=true covers it and says so. It goes on by itself after a sign-in in another tab.",
			"Callbacks over a WebSocket (FastAPI or Quart, websocket_callbacks=True) work; ctx.headers is empty in them with Dash 4.4.",
		},
		Tested: "test/dashboards",
	}
}
