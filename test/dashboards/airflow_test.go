package dashboards

import (
	"path/filepath"
	"testing"

	"sidegate/test/stage"
)

func TestAirflow(t *testing.T) {
	bin := filepath.Join(stage.Part(t, venv("airflow")), "bin")
	dir, command := recipe(t, "airflow", bin)
	env := []string{"AIRFLOW_HOME=" + dir, "AIRFLOW__CORE__LOAD_EXAMPLES=False", "PYTHONPATH=.", "AIRFLOW__CORE__AUTH_MANAGER=sidegate_auth.AuthManager"}
	prepare(t, dir, env, filepath.Join(bin, "airflow"), "db", "migrate")
	d := start(t, "airflow", command, env, nil)

	const me = `(async () => (await (await fetch("/ui/auth/me")).text()))()`
	p := d.visit("/dags?limit=10", "bob@example.com")
	d.waitEval(p, me, `"username":"bob@example.com"`)
	p.WaitText("body", "0 Dags")
	p.WaitPath("/dags?limit=10")
	p.Shoot("airflow")
	d.press(p, "Home")
	p.WaitText("body", "Active Dags")

	d.revoke("bob@example.com")
	d.press(p, "Dags") // its calls get 401; the provider remembers him
	d.waitEval(p, me, `"username":"bob@example.com"`)

	d.press(p, "User")
	p.WaitText("[role=menu]", "Signed in as", "bob@example.com")
	d.press(p, "Logout")
	p.WaitText("[role=dialog]", "logout")
	p.Click("[data-testid=confirmation-confirm-button]")
	p.WaitText("main", "You are signed out")
	d.wantSignedOut(p)
	// Airflow's own cookies are still in this browser.
	d.signInAs(p, "alice@example.com")
	p.Open(d.gate.URL + "/dags")
	d.waitEval(p, me, `"username":"alice@example.com"`)

	d.saw(row{
		App: "Airflow", Version: release(t, "airflow", "apache-airflow"),
		Who: "the account, made at the first visit, under User", Live: "another page's data, by calls",
		Logout: "User, Logout",
		Ended:  "with the next call it goes to sign in by itself, and comes back",
	})
}
