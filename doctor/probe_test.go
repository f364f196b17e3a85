package doctor

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answered asks Probes, and reports whether they did.
func answered(p *Probes, nonce string) bool {
	return p.Serve(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, ProbePath+"?n="+nonce, nil))
}

func TestAProbeIsAnsweredToWhoGotANonceAndNobodyElse(t *testing.T) {
	var p Probes
	for _, nonce := range []string{"", "x"} {
		w := httptest.NewRecorder()
		if p.Serve(w, httptest.NewRequest(http.MethodGet, ProbePath+"?n="+nonce, nil)) || w.Body.Len() > 0 || len(w.Header()) > 0 {
			t.Errorf("nonce %q is answered: %q", nonce, w.Body)
		}
	}
	nonce, ok := p.Issue()
	if !ok || !answered(&p, nonce) || answered(&p, nonce+"x") || answered(&p, "") {
		t.Error("a nonce is worth nothing, or another one something")
	}
}

func TestANonceEndsAfterAMinuteAndAfterItsUses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Probes
		nonce, _ := p.Issue()
		for range probeUses {
			if !answered(&p, nonce) {
				t.Fatal("a use is refused too early")
			}
		}
		if answered(&p, nonce) {
			t.Errorf("it is good for more than %d uses", probeUses)
		}
		nonce, _ = p.Issue()
		time.Sleep(probeLife + time.Nanosecond)
		if answered(&p, nonce) {
			t.Error("it is good for ever")
		}
		for range maxProbes {
			if _, ok := p.Issue(); !ok {
				t.Fatal("those that have ended are counted")
			}
		}
		if _, ok := p.Issue(); ok {
			t.Errorf("there are more than %d at once", maxProbes)
		}
	})
}

func TestAProbeTellsWhatArrived(t *testing.T) {
	var p Probes
	nonce, _ := p.Issue()
	r := httptest.NewRequest(http.MethodPost, ProbePath+"?n="+nonce, zeros(probeUpload+1000))
	r.Host = "app.example.com"
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	r.Header.Set("Cookie", "canary")
	w := httptest.NewRecorder()
	p.Serve(w, r)
	var got Arrived
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Host != r.Host || got.Bytes != probeUpload || strings.Join(got.Upgrade, "") != "websocket" || strings.Join(got.Forwarded, "") != "192.0.2.1" {
		t.Errorf("%+v", got)
	}
	if strings.Contains(w.Body.String(), "canary") || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("a cookie is repeated, or the answer may be kept: %v %s", w.Header(), w.Body)
	}
}

// A handler that holds answers back is found, whatever the speed of the machine.
func TestAStreamThatIsHeldBackIsFound(t *testing.T) {
	e := NewEcho()
	held := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		whole := httptest.NewRecorder()
		e.ServeHTTP(whole, r)
		_, _ = w.Write(whole.Body.Bytes())
	}))
	defer held.Close()
	prompt := httptest.NewServer(NewEcho())
	defer prompt.Close()
	for server, want := range map[*httptest.Server]bool{held: false, prompt: true} {
		if got, err := wayTo(server).streams(t.Context(), "/stream", "/seen"); got != want || err != nil {
			t.Errorf("prompt %t, %v; want %t", got, err, want)
		}
	}
}

func wayTo(s *httptest.Server) way {
	u := &url.URL{Scheme: "http", Host: s.Listener.Addr().String()}
	return way{at: u, host: u.Host}
}

// SEC-HDR-01: were a header not stripped, in one spelling, on one way, doctor would see.
func TestAHeaderThatGetsThroughIsFound(t *testing.T) {
	for name, through := range map[string]func(r *http.Request) bool{
		"any":                      func(*http.Request) bool { return true },
		"with underscores, lower":  func(r *http.Request) bool { return keepOnly(r, "X_user_email", "x_user_email") },
		"in WebSockets alone":      func(r *http.Request) bool { return r.URL.Path == "/socket" || keepOnly(r) },
		"the session's own cookie": func(r *http.Request) bool { return keepOnly(r, "Cookie") },
	} {
		app := NewEcho()
		leaky := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			through(r)
			app.ServeHTTP(w, r)
		}))
		i := Inside{
			Addr: leaky.Listener.Addr().String(), Public: &url.URL{Scheme: "http", Host: "localhost"},
			Cookie: "sidegate=canary", Email: "a@example.com", Names: []string{"X-User-Email", "X-User-Id"},
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		if f := i.identity(ctx); f.Status != Fault {
			t.Errorf("%s: %+v", name, f)
		}
		cancel()
		leaky.Close()
	}
}

// keepOnly drops every header but those and a handshake's.
func keepOnly(r *http.Request, names ...string) bool {
	for name := range r.Header {
		kept := strings.HasPrefix(name, "Sec-Websocket")
		for _, n := range names {
			kept = kept || n == name
		}
		if !kept {
			delete(r.Header, name)
		}
	}
	return true
}

func TestAWrongAnswerToAHandshakeIsSeen(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() {
		defer theirs.Close()
		buf := make([]byte, 4096)
		_, _ = theirs.Read(buf)
		_, _ = theirs.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n"))
	}()
	a, err := shake(t.Context(), ours, handshake{Path: "/", Host: "h", Origin: "http://h"})
	if err != nil || a.fault == "" {
		t.Errorf("%+v, %v", a, err)
	}
}
