package apps_test

import (
	"slices"
	"strings"
	"testing"

	"sidegate/proxy/apps"
)

func TestAJupyterPageWaitsForItsKernel(t *testing.T) {
	jupyter := apps.Named("jupyter")
	const kernel = "ab658472-4a47-4ac6-a5c1-5f67c055e11d"
	for path, want := range map[string]bool{
		"/api/kernels/" + kernel: true, "/base/api/kernels/" + kernel: true,
		"/api/kernels": false, "/api/kernels/": false, "/api/kernels/" + kernel + "/channels": false, "/api/kernels/" + kernel + "/interrupt": false,
		"/api/sessions/" + kernel: false, "/lab/tree/kernels/x": false, "/": false, "": false,
	} {
		if got := jupyter.Waits(path); got != want {
			t.Errorf("%s may wait: %v, want %v", path, got, want)
		}
	}
}

// Jupyter's pages show what is under "message", in its calls and nowhere else.
func TestAJupyterPageShowsWhyItCannotSave(t *testing.T) {
	jupyter := apps.Named("jupyter")
	for path, want := range map[string]bool{
		"/api/contents/figures.ipynb": true, "/lab/api/workspaces": true, "/base/api/me": true,
		"/static/lab/main.js": false, "/lab": false, "/": false,
	} {
		body, _ := jupyter.Ended(path).(map[string]string)
		if got := strings.Contains(body["message"], "Your session has ended"); got != want {
			t.Errorf("%s is answered %v", path, body)
		}
	}
	if !jupyter.Denies("/api/shutdown") || jupyter.Denies("/api/sessions") {
		t.Error("a browser may end the server for everybody")
	}
}

// With its port taken Jupyter would listen at the next one, where nobody asks.
func TestJupyterStaysAtItsPort(t *testing.T) {
	env := apps.Named("jupyter").Environment(apps.Place{Host: "127.0.0.1", Port: "8501"})
	if want := []string{"JUPYTER_PORT=8501", "JUPYTER_PORT_RETRIES=0"}; !slices.Equal(env, want) {
		t.Errorf("Jupyter is told %v, want %v", env, want)
	}
}
