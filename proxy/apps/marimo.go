package apps

// marimo is a marimo notebook that is run as an app.
func marimo() App {
	return App{
		Name: "marimo", Title: "marimo",
		Words: []string{"marimo"},
		Sign:  Sign{Path: "/manifest.json", Body: `"name": "A Marimo App"`},
		Recipe: Recipe{
			Install:  "pip install marimo",
			Command:  []string{"marimo", "run", "app.py", "--headless", "--host", "127.0.0.1", "--port", "{port}"},
			Port:     "2718",
			Settings: []string{"NOTICE=true"},
			Who:      `mo.app_meta().request.headers["x-user-email"]`,
			Notes: []string{
				"Ask for the person in the cell that acts for them. A page that lost its connection goes on where it was, for two minutes, even for somebody else who has signed in there meanwhile; a cell that runs then sees the new person, one that does not keeps the old.",
				`A name that is not plain ASCII: urllib.parse.unquote(mo.app_meta().request.headers["x-user-name"]).`,
				"marimo run, not marimo edit: everybody who can edit a notebook can run any code.",
				`A log-out button is a link: mo.Html('<a href="/_gate/logout">Log out</a>').`,
				"When the session ends, the page turns red and says \"kernel not found\": SIDEGATE_NOTICE=true tells the person why. It goes on by itself once they sign in again in another tab.",
			},
			Tested: "test/dashboards",
		},
	}
}
