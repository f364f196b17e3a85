package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
)

const frontGroup = "The way in"

// ProbePath is where Probes answer.
const ProbePath = "/_gate/probe"

// Front is the way from a browser to the running sidegate, over whatever lies between.
type Front struct {
	Public  *url.URL
	Client  Client                                    // as the settings here have it
	Running bool                                      // it answers on its private listener
	Nonce   func(ctx context.Context) (string, error) // from there
	Trusts  func(peer string) bool                    // whose X-Forwarded-For counts
}

// front asks over the way in; what several checks need, once.
type front struct {
	Front
	way
	health func(ctx context.Context) Finding
	nonce  func(ctx context.Context) (string, error)
}

// FrontChecks look at the way in.
func FrontChecks(f Front) []Check {
	in := newFront(f)
	return []Check{
		Simple(frontGroup, "front", in.arrives),
		Simple(frontGroup, "front-upgrade", in.upgrades),
		Simple(frontGroup, "front-buffering", in.passesAtOnce),
		Simple(frontGroup, "front-upload", in.takesUploads),
		Simple(frontGroup, "front-cookies", in.keepsCookies),
	}
}

// NoFront stands for FrontChecks where there is none to look at.
func NoFront(why string) []Check {
	var all []Check
	for _, c := range FrontChecks(Front{Public: &url.URL{}}) {
		all = append(all, Simple(c.Group, c.Name, func(context.Context) Finding { return Unknown("%s", why) }))
	}
	return all
}

func newFront(f Front) *front {
	in := &front{Front: f, way: way{at: f.Public, host: f.Public.Host}}
	var healthOnce, nonceOnce sync.Mutex
	var health *Finding
	var nonce func() (string, error)
	in.health = func(ctx context.Context) Finding {
		healthOnce.Lock()
		defer healthOnce.Unlock()
		if health == nil {
			found := in.fetchHealth(ctx)
			health = &found
		}
		return *health
	}
	in.nonce = func(ctx context.Context) (string, error) {
		nonceOnce.Lock()
		defer nonceOnce.Unlock()
		if nonce == nil {
			n, err := f.Nonce(ctx)
			nonce = func() (string, error) { return n, err }
		}
		return nonce()
	}
	return in
}

// fetchHealth looks who answers at the public address.
func (f *front) fetchHealth(ctx context.Context) Finding {
	at := f.Public.String()
	res, err := f.ask(ctx, http.MethodGet, "/_gate/healthz", nil, nil)
	if err != nil {
		return f.unreached(at, err)
	}
	defer res.Body.Close()
	var said struct {
		Status string `json:"status"`
	}
	_ = json.NewDecoder(io.LimitReader(res.Body, 4<<10)).Decode(&said)
	status := res.StatusCode
	switch {
	case status == http.StatusOK && said.Status == "ok":
		return Good("sidegate answers at %s", at)
	case status >= 300 && status < 400:
		return Bad(fmt.Sprintf("%s leads elsewhere (%d to %s)", at, status, withoutQuery(res.Header.Get("Location"))),
			"Set SIDEGATE_PUBLIC_URL to where people end up, or end the redirect.")
	case status >= 502 && status <= 504 && !f.Running:
		return Unknown("a proxy answers at %s, and sidegate is not running behind it", at)
	case status >= 502 && status <= 504:
		return Bad(fmt.Sprintf("the proxy at %s does not find sidegate (%d)", at, status), "Have it pass everything to the address in SIDEGATE_LISTEN.")
	}
	return Bad(fmt.Sprintf("at %s something else answers, and not sidegate (%d)", at, status),
		"Stop what answers there, or have it pass every path on to sidegate; or set SIDEGATE_PUBLIC_URL to where sidegate is.")
}

func (f *front) unreached(at string, err error) Finding {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED) && !f.Running:
		return Unknown("nothing answers at %s yet: start sidegate and ask doctor again", at)
	case errors.Is(err, syscall.ECONNREFUSED):
		return Bad("sidegate is running, and nothing answers at "+at,
			"Have what is in front listen there and pass on to SIDEGATE_LISTEN; or set SIDEGATE_PUBLIC_URL to where browsers find it.")
	case isTimeout(err):
		return Beware("this machine does not get through to "+at, "Browsers may, from outside. If they do not either, look at firewall and DNS.")
	}
	return unreachable(at, "SIDEGATE_PUBLIC_URL", err)
}

func withoutQuery(location string) string {
	location, _, _ = strings.Cut(location, "?")
	return location
}

// ready returns why there is nothing to ask, or the path to ask at.
func (f *front) ready(ctx context.Context) (path string, why *Finding) {
	if health := f.health(ctx); health.Status != OK {
		return "", ptr(Unknown("sidegate is not reached at %s", f.Public))
	}
	if !f.Running {
		return "", ptr(Unknown("sidegate answers at %s, and not at SIDEGATE_ADMIN_LISTEN: run doctor beside it", f.Public))
	}
	nonce, err := f.nonce(ctx)
	if err != nil {
		return "", ptr(Unknown("the running sidegate gives no leave to ask: %v", err))
	}
	return ProbePath + "?n=" + nonce, nil
}

func ptr[T any](v T) *T { return &v }

// behind reports whether a status is what a sidegate answers that has not issued the
// nonce: that an address behind it needs a sign-in. An older one says 404, as an app may
// where the address is public.
func behind(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusNotFound
}

// stranger explains an answer to a probe that no probe gave.
func stranger(status int) Finding {
	if behind(status) {
		return Unknown("another replica answered: ask doctor again, or with one running")
	}
	return Unknown("what is in front answered %d", status)
}

// arrives looks what becomes of a plain request.
func (f *front) arrives(ctx context.Context) Finding {
	health := f.health(ctx)
	if health.Status != OK {
		return health
	}
	path, why := f.ready(ctx)
	if why != nil {
		return *why
	}
	res, err := f.ask(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return unreachable(f.Public.String(), "SIDEGATE_PUBLIC_URL", err)
	}
	defer res.Body.Close()
	var got Arrived
	if json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&got) != nil || got.Host == "" {
		return stranger(res.StatusCode)
	}
	from, err := netip.ParseAddrPort(got.Peer)
	if err != nil { // of whoever answers in its place: it is going to be in a remedy
		return stranger(res.StatusCode)
	}
	peer := from.Addr().Unmap().WithZone("").String()
	switch trusted := f.Trusts(peer); {
	case !sameHost(got.Host, f.Public):
		return Bad(fmt.Sprintf("the proxy in front changes the host name: %s arrives as %s", f.Public.Host, got.Host),
			"Have it pass Host on. nginx: proxy_set_header Host $http_host; Apache: ProxyPreserveHost On")
	case len(got.Forwarded) > 0 && !trusted:
		return Beware("the proxy in front is not trusted: in the log everybody has its address, "+peer,
			"If "+peer+" is your proxy, set SIDEGATE_TRUSTED_PROXIES="+peer)
	case len(got.Forwarded) == 0 && trusted:
		return Beware("the proxy in front does not say who asks: in the log everybody has its address, "+peer,
			"Have it send X-Forwarded-For. nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;")
	case len(got.Forwarded) > 0:
		return Good("sidegate answers, behind a proxy that changes nothing")
	}
	return health
}

// sameHost compares without the scheme's own port (RFC 9110 4.2.3).
func sameHost(host string, u *url.URL) bool {
	usual := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return strings.EqualFold(strings.TrimSuffix(host, usual), strings.TrimSuffix(u.Host, usual))
}
