package main

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sidegate/config"
	"sidegate/proxy"
	"sidegate/proxy/apps"
)

// The settings know the presets by name, and neither package may import the other.
func TestEveryPresetCanBeChosen(t *testing.T) {
	want := []string{"auto", "none"}
	for _, a := range apps.All() {
		want = append(want, a.Name)
	}
	slices.Sort(want)
	if got := slices.Sorted(slices.Values(config.AppNames())); !slices.Equal(got, want) {
		t.Errorf("SIDEGATE_APP may be %v, and the presets are %v", got, want)
	}
}

// An app that answers 503 while it starts is recognised when it is up.
func TestAnAppIsRecognisedWhenItIsUp(t *testing.T) {
	var up atomic.Bool
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !up.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/_reload-hash":
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte(`{"reloadHash":null}`))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer app.Close()
	address, err := url.Parse(app.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{upstream: proxy.NewUpstream(address), log: slog.New(slog.DiscardHandler)}
	time.AfterFunc(300*time.Millisecond, func() { up.Store(true) })
	s.recognise(t.Context())
	if got := s.preset.App().Name; got != "dash" {
		t.Errorf("it is taken for %q", got)
	}
}

// An app that takes connections and answers no question of ours is not kept from its
// people for long.
func TestAnAppThatDoesNotAnswerIsNotWaitedForLong(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := &server{upstream: proxy.NewUpstream(&url.URL{Scheme: "http", Host: silent.Addr().String()}), log: slog.New(slog.DiscardHandler)}
	s.preset.Set(apps.Named("streamlit"))
	go s.recognise(t.Context())
	for start := time.Now(); s.preset.App().Name != ""; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 4*shortTime {
			t.Fatal("people still wait")
		}
	}
}

// A child is told what its app needs, and of other apps nothing; as long as nobody knows
// which it is, what any of them would need.
func TestAChildIsToldWhatItsAppNeeds(t *testing.T) {
	for _, tt := range []struct {
		app                string
		streamlit, jupyter bool
	}{{"streamlit", true, false}, {"jupyter", false, true}, {"auto", true, true}, {"none", false, false}} {
		c := &child{addr: "127.0.0.1:8501", app: tt.app, open: &url.URL{Scheme: "http", Host: "localhost:8080"}}
		told := strings.Join(c.environment(), "\n")
		if strings.Contains(told, "STREAMLIT_SERVER_PORT=8501") != tt.streamlit || strings.Contains(told, "JUPYTER_PORT=8501") != tt.jupyter {
			t.Errorf("%s: the child is told\n%s", tt.app, told)
		}
	}
}
