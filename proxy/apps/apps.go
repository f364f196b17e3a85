// Package apps knows what known dashboards need of a proxy in front of them: one
// file an app, facts only. It decides nothing and talks to nobody.
package apps

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// App is a dashboard as the proxy has to know it. The zero App is any web app: it
// needs nothing.
type App struct {
	Name  string   // as in the setting, such as "streamlit"
	Title string   // as its makers write it
	Words []string // a command with one of these words starts it
	Sign  Sign     // how its server is recognised

	// Ended is the body of the 401 to one of the app's own calls whose page shows it to
	// the person; nil: the usual one. It may be nil as a whole.
	Ended func(path string) any
	// Waits reports the app's own calls at whose 401 its page gives up for good, and
	// which it makes again and again, until somebody has signed in, when it gets a 424
	// (Failed Dependency, RFC 4918 11.4). Nil: there are none.
	Waits func(path string) bool
	// Denied are ends of paths that no browser has any business with.
	Denied []string
	// Chosen are arguments of an address by which a link would choose which state of the
	// app's its reader gets, such as one that the link's maker has open too.
	Chosen []string
	// Logout and Login are ends of the paths at which the app's own buttons sign out
	// and in: sidegate answers them instead.
	Logout, Login []string
	// Cookies are the first letters of cookies by which the app itself remembers who
	// somebody is. They are older than sidegate and must not disagree with it.
	Cookies []string
	// Socket is what is known of its WebSockets.
	Socket Socket
	// Environment lets the app, started as our child, listen at the given place and
	// trust our headers. It may be nil.
	Environment func(Place) []string
	// Recipe is how to set it up by hand.
	Recipe Recipe
}

// Sign is how a server is recognised: by an answer to GET Path that only it gives.
// The zero Sign recognises nothing.
type Sign struct {
	Path   string
	Status int    // 0: 200
	Header string // "Name: value", the value's beginning; "": any
	Body   string // text in the first 64 KiB of the body; "": any
}

// Socket is what is known of an app's WebSockets.
type Socket struct {
	// Path is where the page opens one, with the query that it needs, and Protocols the
	// subprotocols that it asks for. "": not known.
	Path      string
	Protocols []string
	// Farewell returns a message that has the page go to href, or offer a way back. Nil:
	// there is none.
	Farewell func(href string) []byte
	// Text is whether that is a text message; otherwise it is a binary one.
	Text bool
	// Resumes reads the wish for an earlier state of the page's in the subprotocols of
	// a handshake. Nil: the app has no such thing.
	Resumes func(protocols []string) Wish
	// Assigned returns the id of the state in a message of the server's, if it is one
	// that tells.
	Assigned func(message []byte) (id string)
}

// Wish is a handshake's wish to be given an earlier state of the app's.
type Wish struct {
	Asked   bool
	ID      string // of the state; "" if it cannot be read for certain
	Claims  bool   // a state that nobody has yet is whose who first asks for it
	Forged  bool   // anybody can make up such a wish, with whom it is for, and the app would believe it
	Without string // the subprotocols less the wish
}

// Place is where an app listens and where browsers find it.
type Place struct {
	Host, Port string   // of the app, on loopback
	Public     *url.URL // of sidegate, as browsers see it
	Secret     string   // a random one, for an app that wants one of its own; may be ""
}

// All returns the apps that are known. Where a server answers as two of them would,
// the narrower one comes first: Panel's is a server of Bokeh's. A Jupyter server may have
// Voilà within it and is still one.
func All() []App {
	return []App{
		airflow(), dash(), gradio(), grafana(), jupyter(), marimo(), metabase(), nicegui(), panel(), bokeh(),
		shiny(), shinyPython(), solara(), streamlit(), superset(), voila(),
	}
}

// Named returns the app of that name; the zero App when none has it.
func Named(name string) App {
	for _, a := range All() {
		if a.Name == name {
			return a
		}
	}
	return App{}
}

// OfCommand returns the app that a command starts; the zero App when it does not
// tell. "streamlit run app.py", "python -m streamlit run app.py" and their kin do.
// One that names two starts the later: `jupyter voila` is Voilà by itself.
func OfCommand(command []string) App {
	for _, a := range slices.Backward(All()) {
		if slices.ContainsFunc(command, func(word string) bool { return slices.Contains(a.Words, filepath.Base(word)) }) {
			return a
		}
	}
	return App{}
}

// Denies reports whether no browser may ask for path.
func (a App) Denies(path string) bool { return endsIn(path, a.Denied) }

// Chooses reports whether the query of an address holds one of a.Chosen.
func (a App) Chooses(query string) bool {
	if len(a.Chosen) == 0 {
		return false
	}
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		if slices.ContainsFunc(a.Chosen, func(c string) bool { return strings.EqualFold(c, name) }) {
			return true
		}
	}
	return false
}

// SignsOut reports whether path is where the app's own button signs out.
func (a App) SignsOut(path string) bool { return slices.ContainsFunc(a.Logout, hasSuffix(path)) }

// SignsIn reports whether path is where the app's own button signs in.
func (a App) SignsIn(path string) bool { return slices.ContainsFunc(a.Login, hasSuffix(path)) }

func hasSuffix(path string) func(string) bool {
	return func(end string) bool { return strings.HasSuffix(path, end) }
}

// endsIn reports whether a path, in the most forgiving reading that a server may
// have of it, is or lies below one that ends in one of ends. To deny too much does
// no harm here.
func endsIn(path string, ends []string) bool {
	if len(ends) == 0 {
		return false
	}
	for range 2 {
		if decoded, err := url.PathUnescape(path); err == nil {
			path = decoded
		}
	}
	path = strings.ToLower(path)
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return slices.ContainsFunc(ends, func(end string) bool {
		return strings.HasSuffix(path, end) || strings.Contains(path, end+"/") || strings.Contains(path, end+";")
	})
}
