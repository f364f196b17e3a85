package fault

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sidegate/test/rig"
)

const (
	appListen = "FAULT_APP_LISTEN"
	appIdle   = "FAULT_APP_IDLE" // how long the app keeps a connection that nobody uses
)

// app is the dashboard behind the gate, in a process of its own. It answers with
// who it was told is asking, so that every answer shows whose it is.
type app struct {
	*rig.Process
	t      testing.TB
	listen string
	env    []string
}

// newApp starts an app on a port of its own.
func newApp(t testing.TB, env ...string) *app {
	t.Helper()
	a := &app{t: t, listen: rig.Loopback(rig.FreePort(t)), env: env}
	a.start()
	return a
}

// start starts it, or starts it again on the same port.
func (a *app) start() {
	a.t.Helper()
	env := append([]string{childRole + "=app", appListen + "=" + a.listen}, a.env...)
	a.Process = rig.Start(a.t, env, os.Args[0])
	a.Answers(a.t, "http://"+a.listen+"/who")
}

// serveApp is the app's side, in the child.
func serveApp() {
	idle, _ := time.ParseDuration(os.Getenv(appIdle))
	server := &http.Server{Addr: os.Getenv(appListen), Handler: appRoutes(), IdleTimeout: idle}
	if idle == 0 {
		server.IdleTimeout = time.Minute
	}
	log.Fatal(server.ListenAndServe())
}

func appRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, whoSays(r.Header.Get("X-User-Email"), r.URL.Query().Get("n")))
	})
	mux.HandleFunc(openPath, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "open to everybody") })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(milliseconds(r, 1000))
		fmt.Fprint(w, whoSays(r.Header.Get("X-User-Email"), r.URL.Query().Get("n")))
	})
	mux.HandleFunc("/stream", streamLines)
	mux.HandleFunc("/socket", talk)
	return mux
}

// openPath needs no session.
const openPath = "/open"

// whoSays is the app's answer to somebody's request number n.
func whoSays(email, n string) string { return email + " asked " + n }

func milliseconds(r *http.Request, fallback int) time.Duration {
	ms, err := strconv.Atoi(r.URL.Query().Get("ms"))
	if err != nil {
		ms = fallback
	}
	return time.Duration(ms) * time.Millisecond
}

// streamLines answers with a line every 50 ms, and "end" as the last.
func streamLines(w http.ResponseWriter, r *http.Request) {
	flush := http.NewResponseController(w)
	for end := time.Now().Add(milliseconds(r, 1000)); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		_, _ = io.WriteString(w, "line\n")
		_ = flush.Flush()
	}
	_, _ = io.WriteString(w, "end\n")
}

// talk says who the socket belongs to, at once and then every ms milliseconds, and
// repeats what it hears.
func talk(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	email := r.Header.Get("X-User-Email")
	go func() {
		defer cancel()
		for {
			_, heard, err := c.Read(ctx)
			if err != nil || c.Write(ctx, websocket.MessageText, append([]byte(email+" said "), heard...)) != nil {
				return
			}
		}
	}()
	for tick := time.Tick(milliseconds(r, 1000)); c.Write(ctx, websocket.MessageText, []byte(email)) == nil; {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
	}
}
