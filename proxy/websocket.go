package proxy

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // RFC 6455 4.2.2 says so; nothing secret rests on it
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"

	"sidegate/access"
	"sidegate/identity"
	"sidegate/session"
	"sidegate/web"
)

const (
	// handshakeTime is how long the app may take to answer a handshake.
	handshakeTime = 30 * time.Second
	// maxHead bounds the head of its answer, in bytes.
	maxHead = 64 << 10
)

// Tunnels opens WebSockets to the app, and carries plain requests, until they or
// their session end.
type Tunnels struct {
	forwarder *Forwarder
	sessions  Sessions
	live      *session.Live
	owners    *owners
	sleepers  sleepers
}

// NewTunnels returns Tunnels that use the forwarder's app and headers.
func NewTunnels(f *Forwarder, sessions Sessions, live *session.Live) *Tunnels {
	return &Tunnels{forwarder: f, sessions: sessions, live: live, owners: newOwners(time.Now())}
}

// open makes one WebSocket of a handshake that was checked. The tunnel still has
// to run; without one the request was answered, or the error says how to.
func (t *Tunnels) open(w http.ResponseWriter, r *http.Request, s session.Session, policy *access.Book) (*tunnel, error) {
	if err := t.checkForged(r); err != nil {
		return nil, err
	}
	opened, tun := false, newTunnel(t.sessions, s, &t.sleepers)
	told, _ := identity.FromContext(r.Context())
	tun.leave = t.live.AddTold(s, told, tun.sessionEnded)
	defer func() {
		if !opened {
			tun.leave()
		}
	}()
	// The session, or the person's right, may have ended between the gate's look
	// and the registration; from here on the registry tells.
	if _, err := t.sessions.Refresh(r.Context(), s); errors.Is(err, session.ErrNone) || !policy.Decide(s.Identity).Allowed {
		return nil, t.forwarder.sessionRequired(w, r)
	}
	opened, err := t.connect(w, r, tun)
	if !opened {
		return nil, err
	}
	return tun, nil
}

// checkForged refuses what the app would believe from anybody: who is signed in could
// say there that they are somebody else.
func (t *Tunnels) checkForged(r *http.Request) error {
	app := t.forwarder.preset.App()
	if app.Socket.Resumes == nil || !app.Socket.Resumes(r.Header["Sec-Websocket-Protocol"]).Forged {
		return nil
	}
	return &web.Error{
		Status: http.StatusForbidden, Code: "unsigned_page",
		Public: "The app does not sign what its pages say, so anybody could say there that they are somebody else. Its operator can have it sign: `sidegate recipe " + app.Name + "` says how.",
		Err:    errors.New("the app does not sign its pages, see sidegate recipe " + app.Name),
	}
}

// connect has the app and the browser agree, and gives the tunnel their connections.
func (t *Tunnels) connect(w http.ResponseWriter, r *http.Request, tun *tunnel) (opened bool, _ error) {
	app, ahead, res, err := t.shake(r, tun.watch.session)
	if err != nil {
		return false, t.forwarder.appFailed(err)
	}
	t.forwarder.upstream.waiting.answers()
	defer func() {
		if !opened {
			app.Close()
		}
	}()
	if res.StatusCode != http.StatusSwitchingProtocols {
		return false, t.refusedByApp(w, r, res)
	}
	if err := checkAccepted(r, res); err != nil {
		return false, &web.Error{Status: http.StatusBadGateway, Code: "app_failed", Public: "The app's answer to the WebSocket handshake is not valid.", Err: err}
	}
	browser, early, err := hijack(w)
	if err != nil {
		return false, fmt.Errorf("hijack: %w", err)
	}
	app.SetDeadline(time.Time{})
	rec := web.RecordOf(r.Context())
	rec.Status = http.StatusSwitchingProtocols
	if rec.Err = writeAccepted(browser, res); rec.Err != nil {
		browser.Close()
		return false, nil // nobody left to tell
	}
	tun.client.begin(browser, early, app, t.forwarder.buffers)
	tun.app.begin(app, unread(ahead), browser, t.forwarder.buffers)
	t.adorn(tun)
	return true, nil
}

// adorn adds what the app's preset knows of its WebSockets.
func (t *Tunnels) adorn(tun *tunnel) {
	socket := t.forwarder.preset.App().Socket
	if socket.Farewell != nil {
		op := byte(opBinary)
		if socket.Text {
			op = opText
		}
		tun.farewell = messageFrame(op, socket.Farewell(EndedPath))
	}
	if socket.Assigned != nil {
		who := tun.watch.session.Identity
		tun.app.look = newListener(func(message []byte) bool {
			id := socket.Assigned(message)
			if id != "" {
				t.owners.note(id, who)
			}
			return id != ""
		}).look
	}
}

// hijack takes the browser's connection over from net/http, with the bytes that
// came early.
func hijack(w http.ResponseWriter) (browser net.Conn, early []byte, err error) {
	browser, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early = unread(buffered.Reader)
	noticeVanished(browser)
	browser.SetDeadline(time.Time{})
	return browser, early, nil
}

// unread returns what a reader has taken in and nobody has read: a browser may send
// its first frame with the handshake, an app with its answer, and neither must be
// lost (SEC-WS-06).
func unread(ahead *bufio.Reader) []byte {
	early, _ := ahead.Peek(ahead.Buffered())
	return bytes.Clone(early)
}

// shake sends the handshake to the app over a connection of its own and returns
// the answer's head, and the reader that may hold the first frames.
func (t *Tunnels) shake(r *http.Request, s session.Session) (net.Conn, *bufio.Reader, *http.Response, error) {
	out := r.Clone(r.Context())
	removeHopByHop(out.Header)
	t.forwarder.prepare(out, r)
	out.Header["Connection"] = []string{"Upgrade"}
	out.Header["Upgrade"] = []string{"websocket"}
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header.Set("User-Agent", "") // else net/http would add its own
	}
	out.Close = false
	t.owners.guard(out.Header, t.forwarder.preset.App().Socket, s)

	conn, err := t.forwarder.upstream.dial(r.Context())
	if err != nil {
		return nil, nil, nil, err
	}
	conn.SetDeadline(time.Now().Add(handshakeTime))
	defer context.AfterFunc(r.Context(), func() { conn.Close() })() // the browser left
	ahead, res, err := exchange(conn, out)
	if err != nil {
		conn.Close()
		return nil, nil, nil, cmp.Or(r.Context().Err(), err)
	}
	return conn, ahead, res, nil
}

func exchange(conn net.Conn, out *http.Request) (*bufio.Reader, *http.Response, error) {
	if err := out.Write(conn); err != nil {
		return nil, nil, err
	}
	limited := &io.LimitedReader{R: conn, N: maxHead}
	reader := bufio.NewReader(limited)
	for range 8 { // interim answers (RFC 9110 15.2) may come before the final one
		res, err := http.ReadResponse(reader, out)
		if err != nil {
			return nil, nil, err
		}
		if res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			limited.N = 1 << 62
			return reader, res, nil
		}
	}
	return nil, nil, errors.New("too many interim answers to a handshake")
}

// checkAccepted verifies that the app upgraded to WebSocket, and this handshake
// (RFC 6455 4.1).
func checkAccepted(r *http.Request, res *http.Response) error {
	upgrade := res.Header["Upgrade"]
	if len(upgrade) != 1 || !sameToken(upgrade[0], "websocket") || !hasToken(res.Header["Connection"], "upgrade") {
		return errors.New("the app upgraded to another protocol than websocket")
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if !only(res.Header["Sec-Websocket-Accept"], base64.StdEncoding.EncodeToString(sum[:])) {
		return errors.New("Sec-WebSocket-Accept does not answer the key")
	}
	return nil
}

// writeAccepted passes the app's 101 on, without what was between it and us.
func writeAccepted(browser net.Conn, res *http.Response) error {
	removeHopByHop(res.Header)
	cleanAnswer(res.Header)
	res.Header["Connection"] = []string{"Upgrade"}
	res.Header["Upgrade"] = []string{"websocket"}
	browser.SetWriteDeadline(time.Now().Add(writeTime))
	buf := bufio.NewWriter(browser)
	fmt.Fprint(buf, "HTTP/1.1 101 Switching Protocols\r\n")
	res.Header.Write(buf)
	fmt.Fprint(buf, "\r\n")
	err := buf.Flush()
	browser.SetWriteDeadline(time.Time{})
	return err
}

// refusedByApp passes on an app's no. A yes without upgrade is not an answer to a
// handshake: the two ends would disagree on what the connection carries.
func (t *Tunnels) refusedByApp(w http.ResponseWriter, r *http.Request, res *http.Response) error {
	defer res.Body.Close()
	if res.StatusCode < 300 {
		return &web.Error{
			Status: http.StatusBadGateway, Code: "app_failed",
			Public: "The app did not answer the WebSocket handshake.",
			Err:    fmt.Errorf("status %d to a handshake", res.StatusCode),
		}
	}
	removeHopByHop(res.Header)
	cleanAnswer(res.Header)
	maps.Copy(w.Header(), res.Header)
	web.RecordOf(r.Context()).Status = res.StatusCode
	w.WriteHeader(res.StatusCode)
	_, err := io.Copy(w, res.Body)
	return err // cuts the connection: half an answer must not look like a whole one
}

// removeHopByHop removes what concerns one connection only: what Connection
// names, and the fields of RFC 9110 7.6.1 that are so by definition.
func removeHopByHop(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.Trim(name, " \t"); name != "" {
				h.Del(name)
			}
		}
	}
	for _, name := range []string{
		"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade",
	} {
		delete(h, name)
	}
}
