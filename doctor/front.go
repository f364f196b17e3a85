package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
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

// stranger explains an answer to a probe that no probe gave.
func stranger(status int) Finding {
	if status == http.StatusNotFound {
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
	peer, _, _ := net.SplitHostPort(got.Peer)
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

// threeProtocols are what Streamlit's page sends: a name and two values.
func threeProtocols() []string { return []string{"sidegate-doctor", "one", "two"} }

// upgrades looks whether a WebSocket's handshake arrives as one.
func (f *front) upgrades(ctx context.Context) Finding {
	path, why := f.ready(ctx)
	if why != nil {
		return *why
	}
	conn, err := dialURL(ctx, f.Public)
	if err != nil {
		return unreachable(f.Public.String(), "SIDEGATE_PUBLIC_URL", err)
	}
	defer conn.Close()
	res, err := shake(ctx, conn, handshake{
		Path: path, Host: f.Public.Host, Origin: f.Public.Scheme + "://" + f.Public.Host, Protocols: threeProtocols(),
	})
	if err != nil {
		return Bad("the proxy in front cuts a WebSocket's handshake off", upgradeRemedy)
	}
	var got Arrived
	if json.Unmarshal(res.body, &got) != nil || got.Host == "" {
		if res.status == http.StatusNotFound {
			return stranger(res.status)
		}
		return Bad(fmt.Sprintf("the proxy in front answers a WebSocket's handshake by itself (%d)", res.status), upgradeRemedy)
	}
	switch {
	case !hasToken(got.Upgrade, "websocket") || !hasToken(got.Conn, "upgrade") || got.Proto == "HTTP/1.0":
		return Bad("the proxy in front drops Upgrade: WebSockets will not open, and pages stay at \"Please wait\"", upgradeRemedy)
	case strings.Join(got.Protocols, ", ") != spelled(threeProtocols()):
		return Bad("the proxy in front changes Sec-WebSocket-Protocol", "Have it pass that header on as it is.")
	case !slices.Equal(got.Origin, []string{f.Public.Scheme + "://" + f.Public.Host}):
		return Bad("the proxy in front changes Origin: WebSockets are refused", "Have it pass that header on as it is.")
	}
	return Good("WebSockets arrive as such")
}

const upgradeRemedy = "Have it pass WebSockets on. nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; " +
	"proxy_set_header Connection \"upgrade\"; (better by a map, see docs/doctor.md)"

func hasToken(lines []string, token string) bool {
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(item), token) {
				return true
			}
		}
	}
	return false
}

// passesAtOnce looks whether a stream arrives while it is being sent.
func (f *front) passesAtOnce(ctx context.Context) Finding {
	path, why := f.ready(ctx)
	if why != nil {
		return *why
	}
	prompt, err := f.streams(ctx, path+"&stream", path+"&seen")
	if status, ok := errors.AsType[errStatus](err); ok {
		return stranger(int(status))
	}
	switch {
	case err != nil:
		return Unknown("the stream broke off: %v", innermost(err))
	case !prompt:
		return Bad("the proxy in front holds answers back until they are whole: event streams and live pages stand still",
			"Have it pass answers on as they come. nginx: proxy_http_version 1.1; proxy_buffering off;")
	}
	return Good("answers arrive while they are being sent")
}

const (
	// largeUpload is what Streamlit takes unless it is told otherwise, in bytes.
	largeUpload = 200 << 20
	// realUpload is how much is really sent: over a slow line too it takes seconds.
	realUpload = 2 << 20
)

func (f *front) takesUploads(ctx context.Context) Finding {
	path, why := f.ready(ctx)
	if why != nil {
		return *why
	}
	const remedy = "Raise what it takes. nginx: client_max_body_size 200m; and proxy_request_buffering off;"
	refused, err := f.takes(ctx, path, largeUpload)
	switch {
	case err != nil:
		return Unknown("could not tell: %v", innermost(err))
	case refused == http.StatusNotFound:
		return stranger(refused)
	case refused != 0:
		return Bad(fmt.Sprintf("the proxy in front refuses an upload of %s (%d)", megabytes(largeUpload), refused), remedy)
	}
	res, err := f.ask(ctx, http.MethodPost, path, zeros(realUpload), nil)
	if err != nil {
		return Unknown("an upload of %s did not end in time", megabytes(realUpload))
	}
	defer res.Body.Close()
	var got Arrived
	if json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&got) != nil || got.Host == "" {
		return Bad(fmt.Sprintf("an upload of %s is answered %d", megabytes(realUpload), res.StatusCode), remedy)
	}
	if got.Bytes != realUpload {
		return Bad(fmt.Sprintf("of an upload of %d bytes %d arrive", realUpload, got.Bytes), remedy)
	}
	return Good("uploads of %s are taken", megabytes(largeUpload))
}

// keepsCookies begins a sign-in as a browser would, and looks at the cookie that comes
// back and at where it leads.
func (f *front) keepsCookies(ctx context.Context) Finding {
	if health := f.health(ctx); health.Status != OK {
		return Unknown("sidegate is not reached at %s", f.Public)
	}
	res, err := f.ask(ctx, http.MethodGet, "/_gate/login?rd=%2F", nil, http.Header{"Accept": {"text/html"}, "Sec-Fetch-Mode": {"navigate"}})
	if err != nil {
		return Unknown("could not tell: %v", innermost(err))
	}
	defer res.Body.Close()
	to, err := res.Location()
	if err != nil {
		return Unknown("no sign-in begins: sidegate answers %d, see the provider above", res.StatusCode)
	}
	if id, uri := to.Query().Get("client_id"), to.Query().Get("redirect_uri"); id != f.Client.ID || uri != f.Client.RedirectURI {
		return Beware(fmt.Sprintf("the running sidegate has other settings than these here: it signs in with the redirect URI %q", uri),
			"Restart it with these settings, or give doctor the environment that it has.")
	}
	name := "sidegate-flow"
	https := f.Public.Scheme == "https"
	if https {
		name = "__Host-" + name
	}
	cookies := res.Cookies()
	i := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return c.Name == name })
	const remedy = "Have what is in front pass Set-Cookie on as it is, and keep no answers of /_gate/ in a cache."
	if i < 0 {
		return Bad("the cookie of a sign-in does not arrive", remedy)
	}
	c := cookies[i]
	if c.Secure != https || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		return Bad("the cookie of a sign-in arrives with other attributes than it was given", remedy)
	}
	if https {
		return Good("the sign-in's cookie arrives as it was set: __Host-, Secure, HttpOnly")
	}
	return Good("the sign-in's cookie arrives as it was set: HttpOnly, SameSite=Lax")
}
