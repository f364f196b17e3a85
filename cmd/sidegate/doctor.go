package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"sidegate/config"
	"sidegate/doctor"
)

// doctorOrder is what the arguments of `sidegate doctor` ask for.
type doctorOrder struct {
	json, offline bool
	early         bool     // in setup: an app that is not there, and a sidegate, are no news
	command       []string // that starts the app; none: it runs, or not
}

// parseDoctor reads "[--json] [--offline] [-- CMD…]".
func parseDoctor(args []string) (o doctorOrder, ok bool) {
	for i, arg := range args {
		switch arg {
		case "--json":
			o.json = true
		case "--offline":
			o.offline = true
		case "--":
			o.command = args[i+1:]
			return o, len(o.command) > 0
		default:
			return o, false
		}
	}
	return o, true
}

// doctorCommand: sidegate doctor [--json] [--offline] [-- CMD…].
func doctorCommand(ctx context.Context, o doctorOrder, to streams) error {
	p, err := admit(ctx, o)
	if err != nil {
		return err
	}
	defer p.close()
	if o.json {
		return p.inJSON(ctx, to)
	}
	report := doctor.NewReport(to.out, lookOf(to.out))
	if err := doctor.Run(ctx, p.checks(), report.Tell); err != nil {
		return err
	}
	report.End()
	if !report.Healthy() {
		return exitCode(1)
	}
	return nil
}

func (p *patient) inJSON(ctx context.Context, to streams) error {
	var results []doctor.Result
	if err := doctor.Run(ctx, p.checks(), func(r doctor.Result) { results = append(results, r) }); err != nil {
		return err
	}
	healthy, err := doctor.WriteJSON(to.out, results)
	if err == nil && !healthy {
		return exitCode(1)
	}
	return err
}

// lookOf is how out is written to: a file or a pipe gets no colours, and a locale without
// UTF-8 no marks that it would garble.
func lookOf(out any) doctor.Look {
	locale := ""
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} { // in the order of POSIX
		if locale = os.Getenv(name); locale != "" {
			break
		}
	}
	folded := strings.ToLower(locale)
	utf8 := strings.Contains(folded, "utf-8") || strings.Contains(folded, "utf8")
	return doctor.Look{
		Colour: isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		ASCII:  !utf8 && locale != "", // none at all is a container's, not an old terminal's
	}
}

// patient is what is looked at: the settings, and what runs.
type patient struct {
	order   doctorOrder
	raw     config.Raw
	config  config.Config
	faults  []*config.Fault
	admin   *adminClient // nil: it is not known where
	running bool         // a sidegate answers there
	noApp   bool         // the settings name none, and no command starts one
	others  []netip.Addr // at which the app must not be reached
	child   *child
	ending  []func()
}

// admit reads the settings, and starts the app if it is to be started.
func admit(ctx context.Context, o doctorOrder) (*patient, error) {
	p := &patient{order: o, others: outside()}
	raw, unknown := config.FromEnv()
	p.raw = raw
	if len(o.command) > 0 {
		if err := p.startApp(ctx); err != nil {
			p.close()
			return nil, err
		}
	}
	if p.raw.Upstream == "" {
		p.noApp = true
		p.raw.Upstream = "http://127.0.0.1:1" // `run` will choose it; not a fault now
	}
	var faults error
	p.config, faults = p.raw.Diagnose()
	p.faults = faultsOf(config.Join(unknown, faults))
	if len(p.faults) == 0 {
		if _, err := appHeaders(p.config.Proxy.Headers, nil); err != nil {
			p.faults = faultsOf(err)
		}
	}
	p.findRunning(ctx)
	return p, nil
}

// faultsOf takes joined faults apart.
func faultsOf(err error) (all []*config.Fault) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			all = append(all, faultsOf(e)...)
		}
		return all
	}
	if f, ok := errors.AsType[*config.Fault](err); ok {
		return []*config.Fault{f}
	}
	return nil
}

// appTime is how long an app that doctor starts may take to answer.
const appTime = 20 * time.Second

// startApp starts the app as `run` does, and ends it with doctor.
func (p *patient) startApp(ctx context.Context) error {
	c, err := newChild(p.order.command)
	if err != nil {
		return err
	}
	_, _ = c.settings(p.order.command) // its faults come to light again
	if c.open == nil {
		c.open = &url.URL{Scheme: "http", Host: "localhost:8080"}
	}
	c.app = cmp.Or(c.app, appOf(p.raw.App, p.order.command), "auto")
	quiet := &lockedWriter{}
	if err := c.start(streams{quiet, quiet}); err != nil {
		return err
	}
	p.child = c
	p.ending = append(p.ending, func() { c.stop(2 * time.Second) })
	p.raw.App = appOf(p.raw.App, p.order.command)
	if p.raw.Upstream == "" {
		p.raw.Upstream = c.url()
	}
	for giveUp := time.Now().Add(appTime); time.Now().Before(giveUp); {
		if answersAt(ctx, c.addr) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("interrupted")
		case <-c.done:
			return fmt.Errorf("the app has ended by itself, with code %d. Its last words:\n%s", c.code, quiet.tail(600))
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil // the checks say that it does not answer
}

// findRunning looks for a sidegate on the private listener.
func (p *patient) findRunning(ctx context.Context) {
	admin, err := newAdminClientOf(p.raw, 2*time.Second) // whatever else is wrong with the settings
	if err != nil {
		return
	}
	p.admin = admin
	text, err := admin.ask(ctx, http.MethodGet, "/healthz", nil)
	var said map[string]string
	p.running = err == nil && json.Unmarshal(text, &said) == nil && said["status"] == "ok"
}

func (p *patient) close() {
	for _, end := range slices.Backward(p.ending) {
		end()
	}
}

// checks are all there are, in the order in which they are shown.
func (p *patient) checks() []doctor.Check {
	var all []doctor.Check
	for _, group := range [][]doctor.Check{p.settingsChecks(), p.providerChecks(), p.storeChecks()} {
		all = append(all, group...)
	}
	if !p.order.early || !p.noApp {
		all = append(all, p.appChecks()...)
	}
	if !p.order.early || p.running {
		all = append(all, p.frontChecks()...)
	}
	return append(all, p.insideChecks()...)
}

// good reports whether none of these settings has a fault.
func (p *patient) good(names ...string) bool {
	return !slices.ContainsFunc(p.faults, func(f *config.Fault) bool {
		return slices.Contains(names, strings.TrimPrefix(f.Name, "SIDEGATE_"))
	})
}

func (p *patient) providerChecks() []doctor.Check {
	group := "Provider"
	if p.config.Provider.Google {
		group = "Google"
	}
	checks := doctor.ProviderChecks(group, p.client(), time.Now)
	switch {
	case p.order.offline:
		return skipped(checks, "--offline")
	case !p.good("ISSUER"):
		return skipped(checks, "SIDEGATE_ISSUER has a fault")
	case p.config.Public == nil || p.config.Provider.ClientID == "" || p.config.Provider.ClientSecret.IsZero():
		return append(checks[:2], skipped(checks[2:], "the client or the public URL is not known, see above")...)
	}
	return checks
}

func (p *patient) client() doctor.Client {
	c := doctor.Client{Issuer: p.config.Provider.Issuer, ID: p.config.Provider.ClientID, Secret: p.config.Provider.ClientSecret.Reveal()}
	if p.config.Public != nil {
		c.RedirectURI = p.config.RedirectURI()
	}
	return c
}

func (p *patient) frontChecks() []doctor.Check {
	switch {
	case p.order.offline:
		return doctor.NoFront("--offline")
	case p.config.Public == nil:
		return doctor.NoFront("SIDEGATE_PUBLIC_URL has a fault")
	}
	return doctor.FrontChecks(doctor.Front{
		Public: p.config.Public, Client: p.client(), Running: p.running, Nonce: p.nonce,
		Trusts: func(peer string) bool {
			a, err := netip.ParseAddr(peer)
			return err == nil && slices.ContainsFunc(p.config.Proxy.Trusted, func(n netip.Prefix) bool { return n.Contains(a.Unmap()) })
		},
	})
}

// nonce asks the running sidegate for leave to ask on its public listener.
func (p *patient) nonce(ctx context.Context) (string, error) {
	text, err := p.admin.ask(ctx, http.MethodPost, probePath, struct{}{})
	if err != nil {
		return "", err
	}
	var l leave
	if json.Unmarshal(text, &l) != nil || l.Nonce == "" {
		return "", errors.New("it is an older one")
	}
	return l.Nonce, nil
}

// skipped makes checks that only say why they are not made.
func skipped(checks []doctor.Check, why string) []doctor.Check {
	var all []doctor.Check
	for _, c := range checks {
		all = append(all, doctor.Simple(c.Group, c.Name, func(context.Context) doctor.Finding { return doctor.Unknown("%s", why) }))
	}
	return all
}
