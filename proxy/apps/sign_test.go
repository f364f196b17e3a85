package apps_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"sidegate/proxy/apps"
)

// server answers as real servers did when they were looked at: by path, or by rest.
type server struct {
	answers map[string]apps.Answer
	rest    apps.Answer
}

func (s server) ask(_ context.Context, path string) (apps.Answer, error) {
	if a, ok := s.answers[path]; ok {
		return a, nil
	}
	return s.rest, nil
}

func said(status int, contentType, body string) apps.Answer {
	return apps.Answer{Status: status, Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body)}
}

// Dash answers any path with its page, and so do many others: a word in a body of
// theirs recognises nothing.
func TestServersAreRecognisedByWhatOnlyTheyAnswer(t *testing.T) {
	const dashPage = `<!DOCTYPE html><script id="_dash-config">{"validate_callbacks":true,"ui":"ok","app_id":1}</script>`
	missing := said(404, "text/html; charset=UTF-8", "<html><title>404: Not Found</title></html>")
	bokeh := said(200, "text/javascript", "'use strict';\n/*!\n * Copyright (c) Anaconda, Inc., and Bokeh Contributors\n")
	bokeh.Header.Set("Server", "TornadoServer/6.6.1")
	jupyter := said(200, "application/json", `{"version": "2.21.1"}`)
	jupyter.Header.Set("Content-Security-Policy", "frame-ancestors 'self'; report-uri /api/security/csp-report; default-src 'none'")
	for want, s := range map[string]server{
		"dash": {map[string]apps.Answer{
			"/_reload-hash": said(200, "application/json", `{"files":[],"hard":false,"packages":["dash"],"reloadHash":null}`+"\n"),
		}, said(200, "text/html; charset=utf-8", dashPage)},
		"gradio": {map[string]apps.Answer{
			"/gradio_api/app_id": said(200, "application/json", `{"app_id":11758473145843044425}`),
		}, said(404, "application/json", `{"detail":"Not Found"}`)},
		"bokeh": {map[string]apps.Answer{"/static/js/bokeh-api.min.js": bokeh}, missing},
		"panel": {map[string]apps.Answer{
			"/static/js/bokeh-api.min.js": bokeh, "/static/extensions/panel/css/loading.css": said(200, "text/css", ":host(.pn-loading), .pn-loading {\n"),
		}, missing},
		"jupyter": {map[string]apps.Answer{
			"/api": jupyter, "/voila/static/voila.js": said(200, "text/javascript", "var _JUPYTERLAB;(()=>{var e"), // has Voilà within it
		}, said(404, "text/html", "<title>Jupyter Server</title>")},
		"shiny": {map[string]apps.Answer{
			"/shared/shiny.min.js": said(200, "application/javascript", "/*! shiny 1.7.4 | (c) 2012-2022 RStudio, PBC. | License: GPL-3 | file LICENSE */\n"),
			"/":                    said(200, "text/html; charset=UTF-8", `<script src="shiny-javascript-1.7.4/shiny.min.js"></script>`),
		}, said(404, "text/html; charset=UTF-8", "<h1>Not Found</h1>")},
		"shiny-python": {map[string]apps.Answer{
			"/": said(200, "text/html; charset=utf-8", `<script src="lib/shiny-1.8.0/shiny.js"></script>`),
		}, said(404, "text/plain; charset=utf-8", "Not Found")},
		"streamlit": {map[string]apps.Answer{
			"/_stcore/health":      said(200, "text/plain; charset=utf-8", "ok"),
			"/_stcore/host-config": said(200, "application/json", `{"allowedOrigins":["https://*.streamlit.app"],"useExternalAuthToken":false}`),
		}, said(200, "text/html; charset=utf-8", "<title>Streamlit</title>")},
		"airflow": {map[string]apps.Answer{
			"/api/v2/monitor/health": said(200, "application/json", `{"metadatabase":{"status":"healthy"},"dag_processor":{"status":null,"latest_dag_processor_heartbeat":null}}`),
			"/manifest.json":         said(200, "text/html; charset=utf-8", "<title>Airflow</title>"),
		}, missing},
		"grafana": {map[string]apps.Answer{
			"/api/health": said(200, "application/json; charset=UTF-8", "{\n  \"database\": \"ok\",\n  \"version\": \"12.0.0\"\n}"),
		}, said(302, "text/html", "")},
		"marimo": {map[string]apps.Answer{
			"/manifest.json": said(200, "application/json", "{\n  \"short_name\": \"Marimo\",\n  \"name\": \"A Marimo App\",\n"),
		}, said(404, "application/json", `{"detail":"Not Found"}`)},
		"nicegui": {map[string]apps.Answer{
			"/_nicegui_ws/socket.io/": said(400, "text/plain", `"The client is using an unsupported version of the Socket.IO or Engine.IO protocols"`),
		}, said(404, "text/html; charset=utf-8", "<title>NiceGUI</title>")},
		"solara": {map[string]apps.Answer{
			"/resourcez": said(200, "application/json", `{"websockets": {"open": 0}, "kernels": {"total": 0, "has_connected": 0}}`),
		}, said(200, "text/html; charset=utf-8", "<title>Solara</title>")},
		"superset": {map[string]apps.Answer{
			"/static/assets/manifest.json": said(200, "application/json", "{\n  \"app\": \"superset\",\n  \"entrypoints\": {\n"),
		}, said(404, "application/json; charset=utf-8", `{"errors": [{"message": "404 Not Found"}]}`)},
		"voila": {map[string]apps.Answer{
			"/voila/static/voila.js": said(200, "text/javascript", "var _JUPYTERLAB;(()=>{var e"),
		}, said(302, "text/html; charset=UTF-8", "")},
		"": {nil, said(200, "text/html", dashPage+strings.Repeat(`"reloadHash" {"app_id": .pn-loading "useExternalAuthToken" "database": "latest_dag_processor_heartbeat" Socket.IO `, 2))},
	} {
		got, err := apps.Recognise(t.Context(), s.ask)
		if err != nil || got.Name != want {
			t.Errorf("a server of %q is taken for %q (%v)", want, got.Name, err)
		}
	}
	down := errors.New("connection refused")
	if got, err := apps.Recognise(t.Context(), func(context.Context, string) (apps.Answer, error) { return apps.Answer{}, down }); !errors.Is(err, down) {
		t.Errorf("a server that does not answer is taken for %q, %v", got.Name, err)
	}
}

// A server that fails while it starts is asked again, unless it has said already what
// it is.
func TestAServerThatFailsIsNotAnother(t *testing.T) {
	starting := server{nil, said(503, "text/plain", "starting")}
	if got, err := apps.Recognise(t.Context(), starting.ask); !errors.Is(err, apps.ErrStarting) {
		t.Errorf("a server that answers 503 is taken for %q, %v", got.Name, err)
	}
	starting.answers = map[string]apps.Answer{"/_reload-hash": said(200, "application/json", `{"reloadHash":null}`)}
	if got, err := apps.Recognise(t.Context(), starting.ask); err != nil || got.Name != "dash" {
		t.Errorf("a server that says what it is, and else 503, is taken for %q, %v", got.Name, err)
	}
}

func TestAppsAreKnownByTheirCommands(t *testing.T) {
	for command, want := range map[string]string{
		"bokeh serve app.py": "bokeh", "python -m bokeh serve app.py": "bokeh", "/venv/bin/panel serve app.ipynb": "panel",
		"jupyter lab": "jupyter", "/venv/bin/jupyter-lab --no-browser": "jupyter", "python -m jupyter_server": "jupyter",
		"shiny run app.py": "shiny-python", "python -m shiny run --port 1": "shiny-python", "Rscript app.R": "",
		"airflow standalone": "airflow", "env PYTHONPATH=. airflow api-server": "airflow", "superset run -p 8088": "superset", "marimo run app.py": "marimo",
		"solara run app.py": "solara", "voila app.ipynb": "voila", "/usr/sbin/grafana-server": "grafana", "java -jar /srv/metabase.jar": "metabase",
		"gradio app.py": "gradio", "jupyter voila app.ipynb": "voila", "python app.py": "", "python panel.py": "", "gunicorn app:server": "",
	} {
		if got := apps.OfCommand(strings.Fields(command)).Name; got != want {
			t.Errorf("%s starts %q, want %q", command, got, want)
		}
	}
}
