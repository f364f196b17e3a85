package apps_test

import (
	"strings"
	"testing"

	"sidegate/proxy/apps"
)

func TestStreamlitIsKnownByItsCommand(t *testing.T) {
	for command, want := range map[string]bool{
		"streamlit run app.py":                     true,
		"/opt/venv/bin/streamlit run app.py":       true,
		"python -m streamlit run app.py":           true,
		"uv run streamlit run app.py":              true,
		"python app.py":                            false,
		"python streamlit_app.py --name=streamlit": false,
	} {
		if got := apps.IsStreamlit(strings.Fields(command)); got != want {
			t.Errorf("%q: %v, want %v", command, got, want)
		}
	}
}
