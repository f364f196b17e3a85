package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
)

// candidate is something that stands in front of the app.
type candidate struct {
	name, title string
	url         string // without a path
	// gate: it lets in only who has signed in; cookie is that of somebody who has.
	gate   bool
	cookie string
	// pids are its processes, whose children count as theirs; store are those of the
	// server that keeps its sessions, whose work counts as its own.
	pids, store []int

	// launch starts it, as often as it is asked to; nil: it was added by hand.
	launch  func() (*process, error)
	running *process
}

// bare is the name of the candidate that the others are compared with.
const bare = "bare"

// names are those there are, in the order of the tables.
func names() []string {
	return []string{bare, "nginx", "haproxy", "memory", "file", "redis", "apache", "apache-redis"}
}

// site is where all candidates live: the app behind them, the programs, and a folder.
type site struct {
	dir      string
	self     string // bench itself, for its parts
	sidegate string
	app      *process
	appURL   string
	sessions *redisServer // sidegate's
	other    *redisServer // Apache's
	started  []*process
	ports    ports
}

// keep remembers what has to be ended at the end.
func (s *site) keep(p *process, err error) error {
	if p != nil {
		s.started = append(s.started, p)
	}
	return err
}

func (s *site) close() {
	for i := len(s.started) - 1; i >= 0; i-- {
		s.started[i].stop()
	}
}

// part starts a part of bench at an address, or on a free port, and returns where.
func (s *site) part(ctx context.Context, name, addr, probe string, args ...string) (*process, string, error) {
	if addr == "" {
		port, err := s.ports.free()
		if err != nil {
			return nil, "", err
		}
		addr = "127.0.0.1:" + strconv.Itoa(port)
	}
	kind, _, _ := strings.Cut(name, " ")
	p, err := start(s.dir, name, nil, s.self, append([]string{"part", kind, "-listen", addr}, args...)...)
	if s.keep(p, err) != nil {
		return nil, "", err
	}
	return p, "http://" + addr, p.answers(ctx, "http://"+addr+probe, http.StatusOK)
}

// openSite starts what every candidate needs: the app, at an address if that matters.
// self finds the program that has the parts.
func openSite(ctx context.Context, dir, app string, self func() (string, error)) (s *site, err error) {
	s = &site{dir: dir}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.self, err = self(); err != nil {
		return s, err
	}
	if s.sidegate, err = build(dir, "sidegate/cmd/sidegate"); err != nil {
		return s, err
	}
	s.app, s.appURL, err = s.part(ctx, "app", app, pathSmall)
	return s, err
}

// redis starts one of the two servers when the first candidate needs it.
func (s *site) redis(ctx context.Context, at **redisServer, name string) (*redisServer, error) {
	if *at != nil {
		return *at, nil
	}
	r, err := s.startRedis(ctx, name)
	if r != nil {
		s.started = append(s.started, r.process)
	}
	*at = r
	return r, err
}

// client is an OpenID client at a provider of its own.
type client struct{ issuer, secret string }

// provider starts the demo's provider for a client with the given redirect URI.
func (s *site) provider(ctx context.Context, name, redirect string) (client, error) {
	c := client{secret: rand.Text()}
	_, issuer, err := s.part(ctx, "provider "+name, "", "/.well-known/openid-configuration", "-redirect", redirect, "-secret", c.secret)
	c.issuer = issuer
	return c, err
}

// candidate makes the one of that name; it does not start it.
func (s *site) candidate(ctx context.Context, name string) (*candidate, error) {
	port, err := s.ports.free()
	if err != nil {
		return nil, err
	}
	c := &candidate{name: name, url: "http://127.0.0.1:" + strconv.Itoa(port)}
	switch name {
	case bare:
		c.title = "bare `httputil.ReverseProxy`"
		c.launch = func() (*process, error) {
			return start(s.dir, name, nil, s.self, "part", "proxy", "-listen", c.addr(), "-upstream", s.appURL)
		}
	case "nginx":
		err = s.nginx(c)
	case "haproxy":
		err = s.haproxy(c)
	case "apache", "apache-redis":
		err = s.apache(ctx, c)
	case "memory", "file", "redis":
		err = s.gate(ctx, c)
	default:
		err = fmt.Errorf("-only %s: there is no such candidate", name)
	}
	return c, err
}

// addr is where it listens.
func (c *candidate) addr() string { return c.url[len("http://"):] }

// start has it run and serve.
func (c *candidate) start(ctx context.Context) (err error) {
	if c.launch == nil {
		return nil
	}
	if c.running, err = c.launch(); err != nil {
		return err
	}
	c.pids = []int{c.running.pid()}
	want := http.StatusOK
	if c.gate {
		want = http.StatusFound
	}
	return c.running.answers(ctx, c.url+pathSmall, want)
}

// signIn does so, for real, where that is needed.
func (c *candidate) signIn(ctx context.Context) (err error) {
	if c.gate && c.launch != nil {
		c.cookie, err = signInOnce(ctx, c.url+pathSmall)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

func (c *candidate) stop() {
	if c.running != nil {
		c.running.stop()
		c.running = nil
	}
}

// all is whose work counts.
func (c *candidate) all() []int { return append(append([]int(nil), c.pids...), c.store...) }

// gate is sidegate itself, with what it does unless it is told otherwise.
func (s *site) gate(ctx context.Context, c *candidate) error {
	c.gate, c.title = true, "**sidegate**, sessions in `"+c.name+":`"
	store := c.name + ":"
	switch c.name {
	case "file":
		store += filepath.Join(s.dir, "sessions")
	case "redis":
		c.title = "**sidegate**, sessions in Redis"
		r, err := s.redis(ctx, &s.sessions, "redis of sidegate")
		if err != nil {
			return err
		}
		store, c.store = r.url(), []int{r.pid()}
	}
	env, err := s.gateEnv(ctx, c, store, rand.Text()+rand.Text())
	c.launch = func() (*process, error) { return start(s.dir, c.name, env, s.sidegate) }
	return err
}

// gateEnv are sidegate's settings: those it cannot do without.
func (s *site) gateEnv(ctx context.Context, c *candidate, store, secret string) ([]string, error) {
	idp, err := s.provider(ctx, c.name, c.url+"/_gate/callback")
	if err != nil {
		return nil, err
	}
	admin, err := s.ports.free()
	return []string{
		"SIDEGATE_UPSTREAM=" + s.appURL, "SIDEGATE_PUBLIC_URL=" + c.url, "SIDEGATE_LISTEN=" + c.addr(),
		"SIDEGATE_ADMIN_LISTEN=127.0.0.1:" + strconv.Itoa(admin), "SIDEGATE_ISSUER=" + idp.issuer,
		"SIDEGATE_CLIENT_ID=sidegate-demo", "SIDEGATE_CLIENT_SECRET=" + idp.secret, "SIDEGATE_ALLOWED_DOMAINS=example.com",
		"SIDEGATE_SESSION_STORE=" + store, "SIDEGATE_SECRET=" + secret,
		"SIDEGATE_DRAIN=1s", // bench does not wait for it
	}, err
}
