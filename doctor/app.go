package doctor

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const appGroup = "App"

// Known is what sidegate knows of the app.
type Known struct {
	Name, Title string   // empty: it is none that is known
	Socket      string   // path of its WebSocket; empty: not known
	Protocols   []string // subprotocols that its page asks for
}

// App is where the app is, and who may tell more of it.
type App struct {
	URL    *url.URL
	Public *url.URL // where browsers are
	Known  func(ctx context.Context) Known
	Around func(ctx context.Context) string // where others reach it past sidegate; "": nowhere
	Local  bool                             // it is on this machine, so that Around can tell
}

// AppChecks look at the app itself, as sidegate will talk to it.
func AppChecks(a App) []Check {
	return []Check{
		Simple(appGroup, "app", a.answers),
		Simple(appGroup, "app-host", a.takesHost),
		Simple(appGroup, "websocket", a.socket),
		Simple(appGroup, "around", a.around),
	}
}

// NoApp stands for AppChecks where there is none to look at.
func NoApp(why string) []Check {
	var all []Check
	for i, c := range AppChecks(App{}) {
		says := why
		if i > 0 {
			says = "there is no app to look at"
		}
		all = append(all, Simple(c.Group, c.Name, func(context.Context) Finding { return Unknown("%s", says) }))
	}
	return all
}

// dial opens a connection to the app, under TLS where it speaks that.
func (a App) dial(ctx context.Context) (net.Conn, error) { return dialURL(ctx, a.URL) }

// host is the app's own name for itself.
func (a App) host() string {
	if a.URL.Scheme == "unix" {
		return "localhost"
	}
	return a.URL.Host
}

// get asks the app for / under a Host, as nobody in particular.
func (a App) get(ctx context.Context, host string) (status int, err error) {
	client := http.Client{
		Transport: &http.Transport{
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return a.dial(ctx) },
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/", nil) // dial adds TLS
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("X-Forwarded-Proto", a.Public.Scheme)
	req.Header.Set("X-Forwarded-Host", a.Public.Host)
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	return res.StatusCode, nil
}

// shortTime is for one of several looks of a check.
const shortTime = 2 * time.Second

func (a App) answers(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, checkTime-time.Second)
	defer cancel()
	status, err := a.get(ctx, a.Public.Host)
	at := a.URL.String()
	switch {
	case err != nil && isTimeout(err):
		return Bad("the app at "+at+" does not answer", "See whether it hangs or is still starting; its own log may tell.")
	case err != nil:
		f := unreachable("the app at "+at, "SIDEGATE_UPSTREAM", err)
		f.Remedy = "Start the app, or set SIDEGATE_UPSTREAM to where it listens; `sidegate run -- CMD` starts it by itself. In a container 127.0.0.1 is the container itself."
		if untrusted(err) {
			f.Remedy = "Give the app a certificate that this machine trusts (SSL_CERT_FILE), or let it speak plain http on 127.0.0.1."
		}
		return f
	case status >= 500:
		return Bad(fmt.Sprintf("the app at %s fails: it answers %d", at, status), "Look into the app's own log.")
	}
	title := a.Known(ctx).Title
	if title == "" {
		title = "an app that is none of the known ones"
	}
	return Good("%s answers at %s", title, at)
}

// takesHost looks whether the app refuses the host name that browsers use: it gets that
// unchanged.
func (a App) takesHost(ctx context.Context) Finding {
	if a.Public.Host == a.host() {
		return Good("the app has the name that browsers use")
	}
	first, cancel := context.WithTimeout(ctx, shortTime)
	defer cancel()
	ours, err := a.get(first, a.Public.Host)
	if err != nil {
		return Unknown("the app does not answer")
	}
	if ours >= 500 {
		return Unknown("the app fails: it answers %d", ours)
	}
	if ours < 400 || ours == http.StatusUnauthorized {
		return Good("the app answers to the name that browsers use, %s", a.Public.Host)
	}
	second, cancel := context.WithTimeout(ctx, shortTime)
	defer cancel()
	own, err := a.get(second, a.host())
	if err != nil || own >= 400 {
		return Good("the app answers %d to any name", ours)
	}
	return Bad(fmt.Sprintf("the app refuses the host name %s: it answers %d, and %d to %s", a.Public.Host, ours, own, a.host()), a.hostRemedy())
}

func (a App) hostRemedy() string {
	name := a.Public.Hostname()
	return "Add " + name + " to the host names that the app answers to (ALLOWED_HOSTS in Django, c.ServerApp.local_hostnames or " +
		"allow_remote_access in Jupyter, --allow-websocket-origin in Bokeh and Panel, server.allowedHosts in Vite)."
}

// socket opens a WebSocket to the app as a page of ours would.
func (a App) socket(ctx context.Context) Finding {
	known := a.Known(ctx)
	path := known.Socket
	if path == "" {
		path = "/"
	}
	origin := a.Public.Scheme + "://" + a.Public.Host
	ask := func(host, origin string) (answer, error) {
		ctx, cancel := context.WithTimeout(ctx, shortTime)
		defer cancel()
		conn, err := a.dial(ctx)
		if err != nil {
			return answer{}, err
		}
		defer conn.Close()
		return shake(ctx, conn, handshake{Path: path, Host: host, Origin: origin, Protocols: known.Protocols})
	}
	got, err := ask(a.Public.Host, origin)
	switch {
	case err != nil && isTimeout(err):
		return Unknown("the app does not answer a WebSocket at %s", path)
	case err != nil:
		return Unknown("the app does not answer")
	case got.fault != "":
		return Bad(fmt.Sprintf("the app's answer to a WebSocket at %s is wrong: %s", path, got.fault), "Look for what stands between sidegate and the app; nothing should.")
	case got.status == http.StatusSwitchingProtocols:
		return Good("the app opens a WebSocket at %s to pages of %s", path, origin)
	}
	if own, err := ask(a.host(), a.URL.Scheme+"://"+a.host()); err == nil && own.status == http.StatusSwitchingProtocols {
		return Bad(fmt.Sprintf("the app refuses WebSockets to pages of %s (%d)", origin, got.status), originRemedy(known.Name, a.Public))
	}
	if known.Socket == "" {
		return Unknown("there is none at /, and no other place is known")
	}
	return Bad(fmt.Sprintf("%s answers %d to a WebSocket at %s", known.Title, got.status, path),
		"Have the app served at / and not below a base path, by its own server and a release that speaks WebSockets there.")
}

// originRemedy is how an app is told which pages may open its WebSockets.
func originRemedy(app string, public *url.URL) string {
	origin := public.Scheme + "://" + public.Host
	switch app {
	case "streamlit":
		return "Tell Streamlit its address: STREAMLIT_BROWSER_SERVER_ADDRESS=" + public.Hostname() + ". sidegate checks the Origin itself."
	case "jupyter", "voila":
		return "Tell Jupyter: c.ServerApp.allow_origin = '" + origin + "'"
	case "bokeh", "panel":
		return "Start it with --allow-websocket-origin=" + public.Host
	case "grafana":
		return "Tell Grafana its address: GF_SERVER_ROOT_URL=" + origin + "/, or GF_LIVE_ALLOWED_ORIGINS=" + origin
	}
	return "Allow the origin " + origin + " in the app's settings (CORS, allowed origins); sidegate checks the Origin itself, before the app."
}

// around looks whether others reach the app without passing sidegate.
func (a App) around(ctx context.Context) Finding {
	switch {
	case a.URL.Scheme == "unix":
		return Good("the app listens on a socket file: only this machine reaches it")
	case !a.Local:
		return Unknown("the app is on another host: have its network let only sidegate through")
	}
	if at := a.Around(ctx); at != "" {
		return Bad("the app is reached around sidegate, at "+at+": whoever does is asked nothing, and can say that they are anybody",
			"Have the app listen on 127.0.0.1 alone, not on 0.0.0.0 (Streamlit: --server.address 127.0.0.1; `sidegate run` does it), or close the port.")
	}
	return Good("no other address of this machine leads to the app")
}

// spelled joins subprotocols as a handshake carries them.
func spelled(protocols []string) string { return strings.Join(protocols, ", ") }
