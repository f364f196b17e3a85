package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

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
		if behind(res.status) {
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
	case behind(refused):
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
