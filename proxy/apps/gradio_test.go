package apps_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sidegate/proxy/apps"
)

func TestGradiosPageIsToldInItsOwnWords(t *testing.T) {
	for path, want := range map[string]string{
		"/gradio_api/queue/join":      `"detail":"Your session has ended. \u003ca href=\"/_gate/ended\"\u003e`,
		"/base/gradio_api/queue/join": `"detail":"Your session has ended. `,
		"/gradio_api/upload":          `"Your session has ended. Reload`,
		"/":                           "null",
		"/file=x":                     "null",
	} {
		b, err := json.Marshal(apps.Named("gradio").Ended(path))
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s is answered %s (%v), want %s in it", path, b, err, want)
		}
	}
}

// With a public address of its own, or on every address of the machine, an app is
// reached past the gate, and believes anybody's headers.
func TestAChildListensOnLoopbackAlone(t *testing.T) {
	env := strings.Join(apps.Named("gradio").Environment(apps.Place{Host: "127.0.0.1", Port: "7860"}), "\n") + "\n"
	for _, want := range []string{"GRADIO_SERVER_NAME=127.0.0.1\n", "GRADIO_SERVER_PORT=7860\n", "GRADIO_SHARE=False\n"} {
		if !strings.Contains(env, want) {
			t.Errorf("Gradio is not told %s", want)
		}
	}
	for _, name := range []string{"bokeh", "panel"} {
		if command := strings.Join(apps.Named(name).Recipe.Command, " "); !strings.Contains(command, "--address 127.0.0.1 --port {port} ") {
			t.Errorf("%s is started by %s", name, command)
		}
	}
}
