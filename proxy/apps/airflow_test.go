package apps_test

import (
	"slices"
	"testing"

	"sidegate/proxy/apps"
)

// Airflow's workers have no session: they must not be sent through the gate.
func TestAirflowsWorkersTalkToItsServer(t *testing.T) {
	got := apps.Named("airflow").Environment(apps.Place{Host: "127.0.0.1", Port: "8793"})
	if want := "AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http://127.0.0.1:8793/execution/"; !slices.Contains(got, want) {
		t.Errorf("Airflow is told %v, want %s in it", got, want)
	}
}

// What the apps' own buttons lead to.
func TestLogOutButtonsOfAppsWithSessionsOfTheirOwn(t *testing.T) {
	for path, app := range map[string]string{"/api/v2/auth/logout": "airflow", "/auth/logout": "airflow", "/logout/": "superset", "/logout": "grafana"} {
		if !apps.Named(app).SignsOut(path) {
			t.Errorf("%s of %s does not sign out", path, app)
		}
	}
	if !apps.Named("solara").Denies("/resourcez") {
		t.Error("browsers may ask Solara for /resourcez")
	}
}
