package apps

import "strings"

// gradio is Gradio 5 and later.
func gradio() App {
	return App{
		Name: "gradio", Title: "Gradio",
		Words: []string{"gradio"},
		Sign:  Sign{Path: "/gradio_api/app_id", Header: "Content-Type: application/json", Body: `{"app_id":`},
		Ended: GradioEnded,
		// How often each function ran, for whom it failed: open unless the app says
		// enable_monitoring=False. The page of the same numbers asks for a key.
		Denied: []string{"/monitoring/summary"},
		// Where gr.Button("Log out", link="/logout") leads, as Gradio's guide has it.
		Logout:      []string{"/logout"},
		Environment: gradioEnvironment,
		Recipe:      gradioRecipe(),
	}
}

// GradioEnded is the 401 to one of Gradio's own calls. Its page shows "detail" in a
// box of its own, as HTML; an upload shows the body as it is.
func GradioEnded(path string) any {
	switch {
	case !strings.Contains(path, "/gradio_api/"):
		return nil
	case strings.HasSuffix(path, "/upload"):
		return "Your session has ended. Reload this page to sign in again."
	}
	return map[string]string{
		"error":  "session_required",
		"detail": `Your session has ended. <a href="/_gate/ended">Sign in again</a>`,
	}
}

func gradioEnvironment(at Place) []string {
	return []string{
		"GRADIO_SERVER_NAME=" + at.Host,
		"GRADIO_SERVER_PORT=" + at.Port,
		"GRADIO_ANALYTICS_ENABLED=False",
		// A public address on gradio.live, past the gate: whoever knows it would say who
		// they are.
		"GRADIO_SHARE=False",
	}
}

func gradioRecipe() Recipe {
	return Recipe{
		Install: "pip install gradio",
		Command: []string{"python", "app.py"},
		Port:    "7860",
		Who:     `request.headers["X-User-Email"]`,
		Notes: []string{
			"A function learns who called it from a parameter of type gr.Request: def hello(request: gr.Request).",
			`A name that is not plain ASCII: urllib.parse.unquote(request.headers["X-User-Name"]).`,
			"Never launch(share=True): the address it makes leads past the gate, and there anybody can say who they are.",
			`The button gr.Button("Log out", link="/logout") signs out of sidegate.`,
			`request.username is set by gr.mount_gradio_app(..., auth_dependency=lambda r: r.headers.get("X-User-Email")).`,
		},
		Tested: "test/dashboards",
	}
}
