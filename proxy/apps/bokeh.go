package apps

// bokeh is Bokeh's server, 3 and later. A server of Panel's is one as well, so this
// comes after it in All.
func bokeh() App {
	return App{
		Name: "bokeh", Title: "Bokeh",
		Words:       []string{"bokeh"},
		Sign:        Sign{Path: "/static/js/bokeh-api.min.js", Header: "Server: TornadoServer", Body: "Bokeh Contributors"},
		Chosen:      []string{"bokeh-session-id", "bokeh-token"},
		Socket:      Socket{Resumes: bokehSession},
		Environment: bokehEnvironment,
		Recipe:      bokehRecipe(),
	}
}

// panel is Panel 1 and later: Bokeh's server with more in it.
func panel() App {
	a := bokeh()
	a.Name, a.Title, a.Words = "panel", "Panel", []string{"panel"}
	a.Sign = Sign{Path: "/static/extensions/panel/css/loading.css", Header: "Content-Type: text/css", Body: ".pn-loading"}
	a.Recipe = panelRecipe()
	return a
}

// bokehEnvironment has Bokeh's server sign what it gives to its pages. The page sends
// back, as it opens its WebSocket, what headers it was asked for with; without a
// signature whoever is signed in could write there that they are somebody else, and the
// app would believe it.
func bokehEnvironment(at Place) []string {
	return []string{
		"BOKEH_DEFAULT_SERVER_PORT=" + at.Port,
		"BOKEH_SIGN_SESSIONS=yes",
		"BOKEH_SECRET_KEY=" + at.Secret, // the server does not start without one
		"BOKEH_ALLOW_WS_ORIGIN=" + at.Public.Host,
	}
}

// bokehServe is the command of a program of that name. What headers it lets the app
// know, scripts in the page can read.
func bokehServe(program string) []string {
	return []string{
		program, "serve", "app.py", "--address", "127.0.0.1", "--port", "{port}",
		"--include-headers", "X-User-Email", "X-User-Id", "X-User-Name", "X-User-Groups",
	}
}

// bokehNotes are those that hold for Panel as well, after its own.
func bokehNotes(own ...string) []string {
	return append(own,
		"BOKEH_SIGN_SESSIONS=yes is not optional: without it anybody who is signed in could pretend to the app to be somebody else, so sidegate refuses the WebSockets of pages that are not signed. BOKEH_SECRET_KEY is a secret of the app's, such as `bokeh secret` prints; `sidegate run` makes one at each start.",
		"--address 127.0.0.1 is not optional: without it the server listens on every address, past the gate.",
		"--include-headers keeps all other headers, X-User-Assertion among them, out of a token that scripts in the page can read.",
		"A name that is not plain ASCII: urllib.parse.unquote(…) of X-User-Name.",
		"BOKEH_ALLOW_WS_ORIGIN=your.host is needed with Tornado before 6.6, which compares Origin with the app's own port.",
	)
}

func bokehRecipe() Recipe {
	return Recipe{
		Install: "pip install bokeh",
		Command: bokehServe("bokeh"),
		Port:    "5006",
		Who:     `curdoc().session_context.request.headers["X-User-Email"]`,
		Notes: bokehNotes(
			"When the session ends the page says by itself that the connection was lost, and does not come back by itself: reload it. SIDEGATE_NOTICE=true says why, and leads back.",
		),
		Tested: "test/dashboards",
	}
}

func panelRecipe() Recipe {
	return Recipe{
		Install: "pip install panel",
		Command: bokehServe("panel"),
		Port:    "5006",
		Who:     `pn.state.headers["X-User-Email"]`,
		Notes: bokehNotes(
			`When the session ends the page says nothing unless told to: pn.extension(disconnect_notification='The connection was lost. <a href="/_gate/ended">Sign in again</a>'), or SIDEGATE_NOTICE=true.`,
			"Not with --reuse-sessions or --admin: one shows people each other's pages, the other shows everybody the app's log.",
		),
		Tested: "test/dashboards",
	}
}
