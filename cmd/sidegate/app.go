package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"net"
	"time"

	"sidegate/proxy/apps"
)

// appOf names the dashboard that a command starts, unless a setting does.
func appOf(set string, command []string) string {
	if set == "" || set == "auto" {
		return cmp.Or(apps.OfCommand(command).Name, set)
	}
	return set
}

// environment is what the child's app needs to be told. As long as nobody knows
// which one it is, it is told what any of them would need: the names are each app's
// own.
func (c *child) environment() []string {
	host, port, err := net.SplitHostPort(c.addr)
	if err != nil {
		return nil
	}
	var env []string
	for _, a := range apps.All() {
		if a.Environment != nil && (a.Name == c.app || c.app == "auto") {
			env = append(env, a.Environment(apps.Place{Host: host, Port: port, Public: c.open, Secret: rand.Text()})...)
		}
	}
	return env
}

// An app that takes connections may fail for longTime and still be recognised; people are
// kept waiting for shortTime of that.
const (
	shortTime = 5 * time.Second
	longTime  = time.Minute
)

// recognise asks the app what it is, until it answers, and says so.
func (s *server) recognise(ctx context.Context) {
	var failing time.Time // since when; zero: it is not there at all
	for ctx.Err() == nil {
		began := time.Now()
		app, err := apps.Recognise(ctx, s.upstream.Look)
		if err == nil {
			s.recognised(app)
			return
		}
		switch {
		case s.upstream.Check(ctx) != nil:
			failing = time.Time{}
		case failing.IsZero():
			failing = began
		case time.Since(failing) > longTime:
			s.recognised(apps.App{})
			return
		case time.Since(failing) > shortTime:
			s.preset.Set(apps.App{})
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// recognised puts the app's preset in force; the zero App is none that is known.
func (s *server) recognised(app apps.App) {
	s.preset.Set(app)
	if app.Name == "" {
		s.log.Info("the app is none that is known: it gets what any web app gets; SIDEGATE_APP names one")
		return
	}
	s.log.Info("the app is "+app.Title, "preset", app.Name, "because", "it answers "+app.Sign.Path+" as only that does")
}
