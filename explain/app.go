package explain

// app are sidegate's codes between the browser and the app.
func app() []Problem {
	const page = "sidegate's page, and the log"
	return []Problem{
		{
			Code: "app_unavailable", Where: page, Operator: true,
			Means: "The app does not take connections where sidegate looks for it, or it is still starting.",
			Do: []string{
				"Wait: the page loads itself again.",
				"Compare SIDEGATE_UPSTREAM with where the app listens; in containers, 127.0.0.1 is the container itself.",
				"With sidegate run, the app has to listen on the port in $PORT, or take {port} in its arguments.",
			},
		},
		{
			Code: "app_failed", Where: page, Operator: true,
			Means: "The app broke off the connection before it answered, or its answer is not HTTP.",
			Do: []string{
				"Look at the app's own log: it usually crashed at that request.",
				"Check the scheme in SIDEGATE_UPSTREAM: an app that speaks TLS needs https://.",
			},
		},
		{
			Code: "wrong_host", Where: page, Operator: true,
			Means: "The request came under a host name that sidegate was not set up for.",
			Do: []string{
				"Set SIDEGATE_PUBLIC_URL to the address that people open.",
				"Have the proxy in front pass the Host header on; nginx: \"proxy_set_header Host $host;\".",
			},
		},
		{
			Code: "origin_refused", Where: "the JSON of a WebSocket handshake, and the log", Operator: true,
			Means: "A WebSocket was asked for by a page of another origin than SIDEGATE_PUBLIC_URL, or by no page.",
			Do: []string{
				"Open the address in SIDEGATE_PUBLIC_URL, with its scheme and port.",
				"A page elsewhere that may connect is listed in SIDEGATE_ALLOWED_ORIGINS.",
			},
		},
		{
			Code: "bad_handshake", Where: "the answer to a WebSocket handshake, and the log", Operator: true,
			Means: "The request for a WebSocket does not follow RFC 6455.",
			Do:    []string{"A proxy in front has to pass Upgrade and Connection on, by HTTP/1.1; nginx: \"proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;\"."},
		},
		{
			Code: "unsigned_page", Where: "the answer to a WebSocket handshake, and the log", Operator: true,
			Means: "The app does not sign what its pages say, so anybody could say there that they are somebody else.",
			Do:    []string{"Have the app sign its sessions: sidegate recipe APP says how (Bokeh and Panel: BOKEH_SIGN_SESSIONS and BOKEH_SECRET_KEY)."},
		},
		{
			Code: "chosen_session", Where: page,
			Means: "The link names a session of the app, so that whoever made it could look into what is done there.",
			Do:    []string{"Open the address without what follows the question mark."},
		},
		{
			Code: "path_denied", Where: page, Operator: true,
			Means: "The address is one of the app's for its operator (metrics, consoles), which no browser gets through sidegate.",
			Do:    []string{"Ask the app itself, on its own port; SIDEGATE_APP=none switches the rules for this kind of app off."},
		},
		{
			Code: "bad_target", Where: page,
			Means: "The address could mean one thing here and another to the app, such as /a/../b or a broken percent-encoding.",
			Do:    []string{"Correct the link."},
		},
		{
			Code: "method_refused", Where: "the answer, and the log",
			Means: "The method is not answered at this address; CONNECT and TRACE nowhere.",
			Do:    []string{"Use one of those in the Allow header."},
		},
	}
}
