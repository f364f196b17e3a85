package apps

import "net/http"

// nicegui is NiceGUI 2 and later. Its apps are started as any Python program is, so
// only its server tells.
func nicegui() App {
	return App{
		Name: "nicegui", Title: "NiceGUI",
		Sign:   Sign{Path: "/_nicegui_ws/socket.io/", Status: http.StatusBadRequest, Body: "Socket.IO"},
		Socket: Socket{Path: "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"},
		Recipe: Recipe{
			Install:  "pip install nicegui",
			Command:  []string{"python", "app.py"},
			Port:     "8081", // its usual one is sidegate's own
			Settings: []string{"NOTICE=true"},
			Who:      `request.headers["x-user-email"], of the page's parameter request: fastapi.Request`,
			Notes: []string{
				`The app ends with ui.run(host=os.environ["HOST"], port=int(os.environ["PORT"]), show=False, reload=False): of itself it listens on every address, past the gate.`,
				"app.storage.user is a browser's, not a person's: in a browser that two people share both find the same in it. Keep what is a person's under their address.",
				`A name that is not plain ASCII: urllib.parse.unquote(request.headers["x-user-name"]).`,
				`A log-out button: ui.button("Log out", on_click=lambda: ui.navigate.to("/_gate/logout")).`,
				"When the session ends, the page says \"Connection lost\" and tries on: SIDEGATE_NOTICE=true tells the person why. Once they sign in again in another tab it reloads itself, and begins anew.",
			},
			Tested: "test/dashboards",
		},
	}
}
