package main

import (
	"os"
	"slices"
	"testing"
	"time"

	"sidegate/test/need"
	"sidegate/test/parts"
)

// Every candidate, as it is measured: the real programs with their configurations, and
// somebody signed in at each. What is measured is for the command.
func TestEveryCandidateStandsInFrontOfTheAppWithItsVisitorSignedIn(t *testing.T) {
	if _, err := parts.Checkout(); err != nil { // so that go test sees when the program changes
		t.Fatal(err)
	}
	for name, debianPackage := range map[string]string{
		"nginx": "nginx", "haproxy": "haproxy", "apache2": "apache2-bin", "redis-server": "redis-server", "wrk": "wrk",
	} {
		if _, err := program(name, debianPackage); err != nil {
			need.Program(t, name, debianPackage)
		}
	}
	if _, err := apacheModules(); err != nil {
		if os.Getenv("TEST_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	r := realRun(t)
	if err := r.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.prove(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range r.all {
		used, err := account(c, func() error {
			_, err := r.site.paced(t.Context(), c, 200*time.Millisecond)
			return err
		})
		if err != nil || used <= 0 {
			t.Errorf("%s: requests took %v of a processor, %v", c.name, used, err)
		}
	}
	redirectsAreNotMeasured(t, r)
	// One of the sidegates whose store is filled.
	h, err := r.newHall(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	if err := h.fill(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	if _, err := r.inHall(t.Context(), h, 20); err != nil {
		t.Error(err)
	}
}

// wrk takes redirects for answers. The app's own count does not.
func redirectsAreNotMeasured(t *testing.T, r *run) {
	t.Helper()
	c := r.all[slices.IndexFunc(r.all, func(c *candidate) bool { return c.name == "memory" })]
	if err := r.flatOut(t.Context(), c); err != nil {
		t.Error(err)
	}
	c.cookie = "nobody=1"
	if err := r.flatOut(t.Context(), c); err == nil {
		t.Error("redirects to the provider were measured as the app's answers")
	}
}

// realRun is one of all candidates, none of them started.
func realRun(t *testing.T) *run {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := openSite(t.Context(), dir, "", func() (string, error) { return build(dir, "sidegate/test/bench") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	r := &run{site: s, size: quickSize(), figures: make(figures), out: t.Output(), began: time.Now()}
	t.Cleanup(func() {
		for _, c := range slices.Backward(r.all) {
			c.stop()
		}
	})
	for _, name := range names() {
		c, err := s.candidate(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		r.all = append(r.all, c)
	}
	return r
}
