package apps

// voila is Voilà by itself. Within a Jupyter server it is that server's.
func voila() App {
	return App{
		Name: "voila", Title: "Voilà",
		Words: []string{"voila"},
		Sign:  Sign{Path: "/voila/static/voila.js", Body: "_JUPYTERLAB"},
		Recipe: Recipe{
			Install:  "pip install voila ipywidgets ipykernel",
			Command:  []string{"voila", "app.ipynb", "--no-browser", "--Voila.ip=127.0.0.1", "--port={port}"},
			Port:     "8866",
			Settings: []string{"NOTICE=true"},
			Files:    []File{{"voila.json", voilaConfig}},
			Who:      `os.environ["HTTP_X_USER_EMAIL"]`,
			Notes: []string{
				"voila.json belongs in the folder that Voilà is started in. Each page load gets a kernel of its own, with the person of that moment in its environment.",
				"With preheat_kernel there is no person in the environment: the kernel is older than the page.",
				"A page that is closed may leave its kernel running: the settings in the file end it after ten minutes.",
				`A name that is not plain ASCII: urllib.parse.unquote(os.environ["HTTP_X_USER_NAME"]).`,
				`A log-out button is a link: HTML('<a href="/_gate/logout">Log out</a>'). It opens in a new tab.`,
				"When the session ends, the page would keep what it shows, with dead buttons: SIDEGATE_NOTICE=true covers it and leads to sign in and back. After a sign-in in another tab it has to be reloaded.",
			},
			Tested: "test/dashboards",
		},
	}
}

const voilaConfig = `{
  "VoilaConfiguration": {"http_header_envs": ["X-User-Email", "X-User-Name"]},
  "MappingKernelManager": {"cull_idle_timeout": 600, "cull_interval": 60}
}
`
