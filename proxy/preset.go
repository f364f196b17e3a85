package proxy

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"sidegate/proxy/apps"
	"sidegate/web"
)

// EndedPath is our page for somebody whose session has ended under an open page of
// the app's: GET /_gate/ended.
const EndedPath = "/_gate/ended"

// Preset is which dashboard the app is. That may turn out later than the first
// request, when its server is recognised. The zero Preset is that of any app, and so is
// a nil one.
type Preset struct {
	app      atomic.Pointer[apps.App]
	expected atomic.Pointer[chan struct{}] // closed by Set; nil: nothing is
}

// Expect has requests wait until Set was called: what guards the people behind one app
// must not begin later than the app. It is called before the first request, if at all.
func (p *Preset) Expect() {
	c := make(chan struct{})
	p.expected.Store(&c)
}

// Set says which app it is.
func (p *Preset) Set(a apps.App) {
	p.app.Store(&a)
	if c := p.expected.Swap(nil); c != nil {
		close(*c)
	}
}

// App returns the app; nobody may change what it points to.
func (p *Preset) App() *apps.App {
	if p != nil {
		if a := p.app.Load(); a != nil {
			return a
		}
	}
	return &apps.App{}
}

// check refuses what nobody may ask of this app, signed in or not.
func (p *Preset) check(r *http.Request) error {
	if err := p.await(r.Context()); err != nil {
		return err
	}
	switch app := p.App(); {
	case app.Chooses(r.URL.RawQuery):
		return &web.Error{
			Status: http.StatusForbidden, Code: "chosen_session",
			Public: "This link would open a session of the app's that its maker chose, and may see. Open the address without what follows the question mark.",
		}
	case app.Denies(rawPath(r)):
		return &web.Error{
			Status: http.StatusNotFound, Code: "path_denied",
			Public: "This address of the app is not for browsers. Its operator asks the app itself, not through sidegate.",
		}
	}
	return nil
}

// presetTime is how long a request waits for an app that nobody knows yet.
const presetTime = 2 * time.Second

// await returns nil once it is known which app it is.
func (p *Preset) await(ctx context.Context) error {
	if p == nil {
		return nil
	}
	c := p.expected.Load()
	if c == nil {
		return nil
	}
	select {
	case <-*c:
		return nil
	case <-ctx.Done():
	case <-time.After(presetTime):
	}
	return errUnrecognised
}

// errUnrecognised is why nobody gets to the app yet. It has not answered, or nothing
// that tells which app it is.
var errUnrecognised = errors.New("it is not known yet which app this is")
