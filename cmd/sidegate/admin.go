package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"sidegate/session"
	"sidegate/web"
)

// readyTime bounds each check of /readyz.
const readyTime = time.Second

// adminHandler is the private listener's.
func (s *server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /metrics", s.metrics)
	private := newPrivate(s)
	private.register(mux, newSessionAdmin(s).paths())
	private.register(mux, map[string]web.Handler{probePath: web.Only(s.issueProbe, http.MethodPost)})
	if s.wantsTokens() {
		private.register(mux, map[string]web.Handler{"/token": web.Only(s.tokens.Token, http.MethodGet)})
	}
	return mux
}

// readyz names what is missing to serve people: store, providers, app.
func (s *server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	parts, up := s.providersReady()
	status := http.StatusOK
	if !up {
		status = http.StatusServiceUnavailable
	}
	for name, err := range map[string]error{"store": s.storeError(ctx), "upstream": s.upstream.Check(ctx)} {
		parts[name] = "ok"
		if err != nil {
			parts[name], status = shorten(err.Error()), http.StatusServiceUnavailable
		}
	}
	if s.draining.Load() {
		parts["process"], status = "stopping", http.StatusServiceUnavailable
	}
	answer(w, status, parts)
}

// storeError returns why the store does not answer.
func (s *server) storeError(ctx context.Context) error {
	_, err := s.store.Get(ctx, "probe")
	if errors.Is(err, session.ErrNone) {
		return nil
	}
	return err
}

// shorten keeps a provider's HTML out of an operator's terminal.
func shorten(s string) string {
	const limit = 200
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return s
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
