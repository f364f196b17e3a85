package proxy

import (
	"sync/atomic"

	"sidegate/proxy/apps"
)

// EndedPath is our page for somebody whose session has ended under an open page of
// the app's: GET /_gate/ended.
const EndedPath = "/_gate/ended"

// Preset is which dashboard the app is. That may turn out later than the first
// request, when its server is recognised; until then it is any app. The zero Preset
// may be used, and a nil one stays at that.
type Preset struct{ app atomic.Pointer[apps.App] }

// Set says which app it is.
func (p *Preset) Set(a apps.App) { p.app.Store(&a) }

// App returns the app; nobody may change what it points to.
func (p *Preset) App() *apps.App {
	if p != nil {
		if a := p.app.Load(); a != nil {
			return a
		}
	}
	return &apps.App{}
}
