package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"sidegate/access"
	"sidegate/web"
)

// Routes is the public listener's handler: what no reader agrees on is refused,
// our own exact paths are answered, everything else is the Gate's.
type Routes struct {
	Own    map[string]web.Handler // by exact path under /_gate/
	Login  web.Handler            // the app's own log-in button led here
	Logout web.Handler            // and its log-out button here
	Gate   *Gate
	Client Client
	Public Public
}

// Serve answers one request.
func (rt *Routes) Serve(w http.ResponseWriter, r *http.Request) error {
	web.RecordOf(r.Context()).Client = rt.Client.Address(r)
	if _, asks := r.Header["Upgrade"]; asks {
		// Whoever asks for another protocol may speak it already; if it is refused,
		// what follows must not be read as a request (RFC 9931).
		w.Header().Set("Connection", "close")
	}
	defer boundRest(w, r)
	if err := rt.checkRequest(w, r); err != nil {
		return err
	}
	// Compared as it came: "/_gate%2flogin" is a path of the app's.
	if own, ok := rt.Own[rawPath(r)]; ok {
		return own(w, r)
	}
	return rt.Behind(w, r)
}

// Behind answers a request that is for no path of ours.
func (rt *Routes) Behind(w http.ResponseWriter, r *http.Request) error {
	if !rt.Public.serves(r.Host) {
		return &web.Error{
			Status: http.StatusMisdirectedRequest, Code: "wrong_host",
			Public: "This address is not the one sidegate was set up for. Open " + rt.Public.Scheme + "://" + rt.Public.Host +
				" instead. Behind another proxy, have it pass the Host header on.",
		}
	}
	if button := rt.button(rawPath(r)); button != nil {
		return button(w, r)
	}
	return rt.Gate.Serve(w, r)
}

// button returns who answers where a button of the app's own leads; nil: it is none.
func (rt *Routes) button(path string) web.Handler {
	switch app := rt.Gate.Forward.preset.App(); {
	case app.SignsOut(path):
		return rt.Logout
	case app.SignsIn(path):
		return rt.Login
	}
	return nil
}

// restTime is how long the rest of a body may take that nobody wants any more.
const restTime = 3 * time.Second

// boundRest bounds how long net/http waits for the rest of a request's body before
// it sends an answer that came early. Without it, a refused POST that never ends
// would hold its connection for ever.
func boundRest(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(restTime))
	}
}

// checkRequest refuses what could mean something else to the app than to us.
func (rt *Routes) checkRequest(w http.ResponseWriter, r *http.Request) error {
	switch r.Method {
	case http.MethodConnect, http.MethodTrace:
		// After a refused CONNECT the bytes that follow must not be read as a
		// request (RFC 9931).
		w.Header().Set("Connection", "close")
		w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		return &web.Error{Status: http.StatusMethodNotAllowed, Code: "method_refused", Public: "This method is not answered here."}
	}
	if !hasURL(r.RequestURI) || !access.CheckTarget(r.RequestURI) {
		return &web.Error{Status: http.StatusBadRequest, Code: "bad_target", Public: "This address is not a plain path. Check the link."}
	}
	return nil
}

// serves reports whether a Host header is one we answer for: our public one, an
// IP address or localhost. Other names could be anybody's that point here, and
// the app builds links from them (SEC-FWD-05).
func (p Public) serves(host string) bool {
	if host == p.Host { // nearly always
		return true
	}
	host = withPort(host, p.Scheme)
	if strings.EqualFold(host, withPort(p.Host, p.Scheme)) {
		return true
	}
	name, port, _ := net.SplitHostPort(host)
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false
	}
	_, err := netip.ParseAddr(name)
	return err == nil || strings.EqualFold(name, "localhost")
}

// own returns the public origin when somebody opened another loopback name of it,
// "" otherwise: cookies for 127.0.0.1 are not sent to localhost, so a sign-in
// has to begin where it will end.
func (p Public) own(r *http.Request) string {
	if !strings.EqualFold(r.Host, p.Host) && loopback(r.Host) && loopback(p.Host) {
		return p.Scheme + "://" + p.Host
	}
	return ""
}

func loopback(host string) bool {
	name, _, _ := net.SplitHostPort(withPort(host, "http"))
	addr, err := netip.ParseAddr(name)
	return strings.EqualFold(name, "localhost") || err == nil && addr.IsLoopback()
}

// withPort completes a host with its scheme's port.
func withPort(host, scheme string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	port := "80"
	if scheme == "https" {
		port = "443"
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}
