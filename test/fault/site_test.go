package fault

import (
	"maps"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	"sidegate/login/logintest"
	"sidegate/test/rig"
)

const (
	oldSecret = "Z4n7VGGlce+kyxbSa2ZV2zMkmGRhv1QELihxxGJITcs="
	newSecret = "t0o8m2YxYbq1bK1cSg0sVJxk0b1hZt7m4oWn9nq3x5E="
)

// site is one deployment: a provider, an app, and as many replicas of sidegate as
// a test starts. All replicas have one public address, as behind a load balancer.
type site struct {
	t        testing.TB
	provider *logintest.Provider
	app      *app
	port     int // of the public address
	settings map[string]string
}

// settings are SIDEGATE_ variables, without the prefix.
type settings = map[string]string

// newSite starts a provider and an app. The settings hold for all replicas.
func newSite(t testing.TB, s settings) *site {
	t.Helper()
	site := &site{t: t, provider: logintest.New(t), app: newApp(t), port: rig.FreePort(t)}
	site.provider.Change(func(s *logintest.Script) {
		s.User = func(r *http.Request) logintest.Object { return account(r.URL.Query().Get("as")) }
	})
	site.settings = settings{
		"UPSTREAM": "http://" + site.app.listen, "PUBLIC_URL": site.origin(), "ISSUER": site.provider.Issuer,
		"CLIENT_ID": site.provider.ClientID, "CLIENT_SECRET": site.provider.ClientSecret,
		"ALLOWED_DOMAINS": "example.com", "SECRET": oldSecret, "LOG_LEVEL": "warn", "PUBLIC_PATHS": openPath,
	}
	maps.Copy(site.settings, s)
	return site
}

// host is what browsers write into Host.
func (s *site) host() string   { return "localhost:" + strconv.Itoa(s.port) }
func (s *site) origin() string { return "http://" + s.host() }

// account is what the provider says of a person.
func account(name string) logintest.Object {
	return logintest.Object{"sub": "sub-of-" + name, "email": name + "@example.com", "email_verified": true, "name": name}
}

// replica is one process of sidegate, with the way in to it.
type replica struct {
	*rig.Process
	*door
	t        testing.TB
	admin    string
	settings settings
}

// replica starts a process with settings of its own besides those of the site.
func (s *site) replica(changes settings) *replica {
	s.t.Helper()
	r := s.stopped(changes)
	r.start()
	return r
}

// stopped is a replica that is not started yet.
func (s *site) stopped(changes settings) *replica {
	s.t.Helper()
	listen, admin := rig.Loopback(rig.FreePort(s.t)), rig.Loopback(rig.FreePort(s.t))
	r := &replica{t: s.t, door: s.door(listen), admin: "http://" + admin, settings: settings{"LISTEN": listen, "ADMIN_LISTEN": admin}}
	maps.Copy(r.settings, s.settings)
	maps.Copy(r.settings, changes)
	return r
}

// start starts the process, or starts it again on the same ports, and waits until
// it can serve people.
func (r *replica) start() {
	r.t.Helper()
	r.run(sidegate.Path(r.t))
	r.Answers(r.t, r.admin+"/readyz")
}

// run starts the process in the way the words say, and waits for nothing.
func (r *replica) run(path string, args ...string) {
	r.t.Helper()
	var env []string
	for name, value := range r.settings {
		env = append(env, "SIDEGATE_"+name+"="+value)
	}
	r.Process = rig.Start(r.t, env, path, args...)
}

// stop ends the process as a service manager does, and returns how long that took.
func (r *replica) stop() time.Duration {
	r.t.Helper()
	begin := time.Now()
	r.Signal(syscall.SIGTERM)
	if code := r.ExitCode(r.t); code != 0 {
		r.t.Errorf("exit code after SIGTERM = %d, want 0; it printed:\n%s", code, r.Output.Tail(4<<10))
	}
	return time.Since(begin)
}

// ready asks /readyz once.
func (r *replica) ready() bool {
	client := http.Client{Timeout: 2 * time.Second}
	resp, err := client.Get(r.admin + "/readyz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
