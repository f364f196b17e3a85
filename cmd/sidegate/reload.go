package main

import (
	"context"
	"slices"
	"time"

	"sidegate/config"
)

// reloadStep is how often files with secrets are read.
const reloadStep = 2 * time.Second

// secrets keeps what came from files (NAME_FILE, CLIENT_JSON) in step with them.
type secrets struct {
	*server
	load  func() (config.Config, error) // reads all settings anew; nil: they cannot change
	held  config.Config                 // what is in force
	fault string                        // what was wrong at the last look
}

// watch reads the files until ctx is done. One that cannot be read, or holds what is
// no secret, changes nothing: it may be half written.
func (s *secrets) watch(ctx context.Context) {
	if s.load != nil {
		every(ctx, reloadStep, func() { s.reload(ctx) })
	}
}

// every does something again and again until ctx is done.
func every(ctx context.Context, step time.Duration, do func()) {
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

func (s *secrets) reload(ctx context.Context) {
	c, err := s.load()
	if err != nil {
		if text := err.Error(); text != s.fault {
			s.fault = text
			s.log.Warn("settings cannot be read again; what was read last stays in force", "error", err)
		}
		return
	}
	s.fault = ""
	s.sealing(ctx, c.Session.Secrets)
	s.client(c.Provider)
	s.furtherClients(c.Further)
	s.storePassword(c.Session.Store.URL)
}

// sealing replaces the secrets that seal sessions. Sessions that only a retired one
// opens end now.
func (s *secrets) sealing(ctx context.Context, now []config.Secret) {
	held := &s.held.Session.Secrets
	if len(now) == 0 || slices.Equal(reveal(now), reveal(*held)) {
		return
	}
	*held = now
	if err := s.keys.Replace(reveal(now)...); err != nil {
		s.log.Warn("the new SIDEGATE_SECRET is not taken", "error", err)
		return
	}
	s.log.Info("SIDEGATE_SECRET was replaced", "secrets", len(now))
	s.sessions.Doubt(ctx)
}

func (s *secrets) client(now config.Provider) {
	held := &s.held.Provider
	switch {
	case now.ClientID != s.config.Provider.ClientID:
		if now.ClientID == held.ClientID {
			return // said already
		}
		held.ClientID = now.ClientID
		s.log.Warn("another client id takes a restart: only its secret is replaced while running")
	case now.ClientSecret.Reveal() != held.ClientSecret.Reveal():
		*held = now
		s.login.SetClientSecret(now.ClientSecret.Reveal())
		s.log.Info("the client secret was replaced")
	}
}

// storePassword gives the store another password. Connections that are open go on.
func (s *secrets) storePassword(now config.Secret) {
	held := &s.held.Session.Store.URL
	if now.Reveal() == held.Reveal() {
		return
	}
	*held = now
	store, ok := s.store.(interface{ SetCredentials(url string) error })
	if !ok {
		s.log.Warn("another session store takes a restart")
		return
	}
	if err := store.SetCredentials(now.Reveal()); err != nil {
		s.log.Warn("the new SIDEGATE_SESSION_STORE is not taken", "error", err)
		return
	}
	s.log.Info("the session store's credentials were replaced")
}

func reveal(list []config.Secret) []string {
	var texts []string
	for _, s := range list {
		texts = append(texts, s.Reveal())
	}
	return texts
}
