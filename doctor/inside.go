package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Inside is a sidegate with the settings of the real one and Echo as its app, on this
// machine's loopback, where somebody is signed in.
type Inside struct {
	Addr   string   // host:port to connect to
	Public *url.URL // for which it answers
	Cookie string   // of a session
	Email  string   // of the person in it
	Names  []string // of headers that must not get through
	Err    error    // why there is none
}

// InsideChecks look what sidegate makes of requests on the way to an app.
func InsideChecks(open func(ctx context.Context) Inside) []Check {
	return []Check{
		Simple(frontGroup, "identity", func(ctx context.Context) Finding { return open(ctx).identity(ctx) }),
		Simple(frontGroup, "through", func(ctx context.Context) Finding { return open(ctx).through(ctx) }),
	}
}

func (i Inside) way() way {
	return way{at: &url.URL{Scheme: "http", Host: i.Addr}, host: i.Public.Host, cookie: i.Cookie}
}

// forged is what nobody may make the app believe.
const forged = "forged@sidegate-doctor.invalid"

// spellings are ways to write a header's name that one server or another folds into the
// same (SEC-HDR-01, -02).
func spellings(name string) []string {
	under := strings.ReplaceAll(name, "-", "_")
	return []string{
		name, strings.ToLower(name), strings.ToUpper(name), under, strings.ToLower(under), strings.ToUpper(under),
		strings.ReplaceAll(name, "-", "."), strings.Replace(name, "-", "_", 1),
	}
}

// identity sends every name in every spelling, by a request and by a WebSocket's
// handshake, and looks what the app gets.
func (i Inside) identity(ctx context.Context) Finding {
	if i.Err != nil {
		return Unknown("could not tell: %v", i.Err)
	}
	header := http.Header{}
	for _, name := range i.Names {
		for _, s := range spellings(name) {
			header[s] = []string{forged}
		}
	}
	plain, err := i.asPage(ctx, header)
	if err != nil {
		return Unknown("could not tell: %v", innermost(err))
	}
	socket, _, err := i.asSocket(ctx, header)
	if err != nil {
		return Unknown("could not tell: %v", innermost(err))
	}
	for _, got := range []http.Header{plain, socket} {
		for name, values := range got {
			if slices.Contains(values, forged) {
				return Bad("the app gets a header that a browser sent: "+name, "Do not use this sidegate, and report it: see SECURITY.md.")
			}
			if strings.Contains(strings.Join(values, " "), i.Cookie) {
				return Bad("the app gets the session's cookie", "Do not use this sidegate, and report it: see SECURITY.md.")
			}
		}
	}
	var told []string
	for name, values := range plain {
		if strings.Contains(strings.Join(values, ","), i.Email) {
			told = append(told, name)
		}
	}
	slices.Sort(told)
	if len(told) == 0 {
		return Beware(fmt.Sprintf("of %d forged headers none gets through, and no header tells the app the e-mail", len(header)), "Look at SIDEGATE_HEADERS.")
	}
	return Good("of %d forged headers none reaches the app; %s is sidegate's", len(header), strings.Join(told, ", "))
}

func (i Inside) asPage(ctx context.Context, header http.Header) (http.Header, error) {
	res, err := i.way().ask(ctx, http.MethodGet, "/headers", nil, header)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, errStatus(res.StatusCode)
	}
	var got http.Header
	return got, json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&got)
}

func (i Inside) asSocket(ctx context.Context, header http.Header) (http.Header, answer, error) {
	v := i.way()
	conn, err := dialURL(ctx, v.at)
	if err != nil {
		return nil, answer{}, err
	}
	defer conn.Close()
	a, err := shake(ctx, conn, handshake{
		Path: "/socket", Host: v.host, Origin: i.Public.Scheme + "://" + i.Public.Host,
		Protocols: threeProtocols(), Cookie: i.Cookie, More: header,
	})
	if err != nil {
		return nil, a, err
	}
	if a.status != http.StatusSwitchingProtocols {
		return nil, a, errStatus(a.status)
	}
	var got http.Header
	return got, a, json.Unmarshal([]byte(a.header.Get(echoHeader)), &got)
}

// through passes a stream, a large upload and a WebSocket through sidegate.
func (i Inside) through(ctx context.Context) Finding {
	if i.Err != nil {
		return Unknown("could not tell: %v", i.Err)
	}
	v := i.way()
	const remedy = "Report it, with the output of `sidegate version`: see README.md."
	if prompt, err := v.streams(ctx, "/stream", "/seen"); err != nil || !prompt {
		return Bad(fmt.Sprintf("a stream does not pass through sidegate at once (%v)", err), remedy)
	}
	const size = 32 << 20
	res, err := v.ask(ctx, http.MethodPost, "/upload", zeros(size), nil)
	if err != nil {
		return Unknown("could not tell: %v", innermost(err))
	}
	defer res.Body.Close()
	var got Arrived
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&got); err != nil || got.Bytes != size {
		return Bad(fmt.Sprintf("of an upload of %d bytes %d arrive", size, got.Bytes), remedy)
	}
	if _, a, err := i.asSocket(ctx, nil); err != nil || a.fault != "" || a.header.Get("Sec-Websocket-Protocol") != threeProtocols()[0] {
		return Bad(fmt.Sprintf("a WebSocket does not pass through sidegate: %v %s", err, a.fault), remedy)
	}
	return Good("a stream, an upload of %s and a WebSocket pass through sidegate", megabytes(size))
}

// echoHeader carries, on a 101, what the handshake's headers were.
const echoHeader = "X-Doctor-Echo"

// Echo is an app that tells what arrives.
type Echo struct{ seen acks }

// NewEcho returns an Echo for one run of InsideChecks.
func NewEcho() *Echo { return &Echo{newAcks()} }

func (e *Echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/headers":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(r.Header)
	case "/stream":
		inParts(w, r, e.seen)
	case "/seen":
		e.seen.take()
		w.WriteHeader(http.StatusNoContent)
	case "/upload":
		n, _ := io.Copy(io.Discard, r.Body)
		_ = json.NewEncoder(w).Encode(Arrived{Bytes: n})
	case "/socket":
		e.socket(w, r)
	default:
		http.NotFound(w, r)
	}
}

// socket takes a WebSocket and says no more on it.
func (e *Echo) socket(w http.ResponseWriter, r *http.Request) {
	got, err := json.Marshal(r.Header)
	if err != nil {
		return
	}
	first, _, _ := strings.Cut(r.Header.Get("Sec-Websocket-Protocol"), ",")
	conn, out, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	head := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Protocol": {first},
		"Sec-Websocket-Accept": {acceptOf(r.Header.Get("Sec-Websocket-Key"))}, echoHeader: {string(got)},
	}
	fmt.Fprint(out, "HTTP/1.1 101 Switching Protocols\r\n")
	_ = head.Write(out)
	fmt.Fprint(out, "\r\n")
	if out.Flush() == nil {
		_, _ = io.Copy(io.Discard, out) // until the other side has gone
	}
}
