package main

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sidegate/config"
	"sidegate/session"
	"sidegate/web"
)

// sessionAdmin answers /sessions on the private listener: the operator's list, and
// revocation. The listener has no sign-in: whoever can connect to it may do this.
type sessionAdmin struct {
	private
	sessions *session.Manager
	config   config.Config
}

func newSessionAdmin(s *server) *sessionAdmin {
	return &sessionAdmin{private: newPrivate(s), sessions: s.sessions, config: s.config}
}

// issuerOf returns the provider that a subject is of: a further one's has its name in
// front, and no other has.
func (a *sessionAdmin) issuerOf(w who) string {
	for _, f := range a.config.Further {
		if strings.HasPrefix(w.subject, f.Name+":") {
			return f.Issuer
		}
	}
	return a.config.Provider.Issuer
}

// paths are what it answers, by exact path.
func (a *sessionAdmin) paths() map[string]web.Handler {
	return map[string]web.Handler{
		"/sessions":        web.Only(a.list, http.MethodGet),
		"/sessions/revoke": web.Only(a.revoke, http.MethodPost),
	}
}

const (
	usualSessions = 1000
	maxSessions   = 10_000          // in one list
	storeTime     = 2 * time.Minute // for a look at every session of a store that has very many
)

// sessionList is the answer to GET /sessions.
type sessionList struct {
	Sessions  []listedSession `json:"sessions"`  // the one used last first
	Truncated bool            `json:"truncated"` // there are more
}

type listedSession struct {
	ID      string    `json:"id"`
	Email   string    `json:"email"`
	Subject string    `json:"sub"`
	Issuer  string    `json:"iss"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`
	Expires time.Time `json:"expires"`
	Ends    time.Time `json:"ends"`
	Browser string    `json:"browser"`
	Address string    `json:"address"`
}

func shown(i session.Info) listedSession {
	return listedSession{
		ID: i.ID, Email: i.Identity.Email, Subject: i.Identity.Subject, Issuer: i.Identity.Issuer, Name: i.Identity.Name,
		Created: i.Created.UTC(), Seen: i.Seen.UTC(), Expires: i.Expires.UTC(), Ends: i.Ends.UTC(),
		Browser: i.Browser, Address: i.Address,
	}
}

// list answers GET /sessions?limit=N. It is whole or it is an error.
func (a *sessionAdmin) list(w http.ResponseWriter, r *http.Request) error {
	limit := usualSessions
	if asked := r.URL.Query().Get("limit"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 || n > maxSessions {
			return badRequest("The limit is a number from 1 to " + strconv.Itoa(maxSessions) + ".")
		}
		limit = n
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTime)
	defer cancel()
	found := latest{limit: limit}
	err := a.sessions.Each(ctx, func(i session.Info) error {
		found.add(i)
		return nil
	})
	if err != nil {
		return storeDown("The sessions cannot be listed at the moment, as their store does not answer.", err)
	}
	list := sessionList{Sessions: []listedSession{}}
	for _, i := range found.take() {
		list.Sessions = append(list.Sessions, shown(i))
	}
	list.Truncated = found.cut
	a.site.JSON(w, r, http.StatusOK, list)
	return nil
}

// latest keeps the sessions that were used last, however many there are. A session
// that comes twice, as it may, is kept once.
type latest struct {
	limit int
	found []session.Info
	cut   bool // some were left out
}

func (l *latest) add(i session.Info) {
	if l.found = append(l.found, i); len(l.found) >= 2*l.limit+100 {
		l.take()
	}
}

// take returns what is kept so far.
func (l *latest) take() []session.Info {
	slices.SortFunc(l.found, func(a, b session.Info) int { return b.Seen.Compare(a.Seen) })
	known := make(map[string]bool)
	l.found = slices.DeleteFunc(l.found, func(i session.Info) bool {
		twice := known[i.ID]
		known[i.ID] = true
		return twice
	})
	if len(l.found) > l.limit {
		clear(l.found[l.limit:]) // let go of what they hold
		l.found, l.cut = l.found[:l.limit], true
	}
	return l.found
}

func badRequest(says string) error {
	return &web.Error{Status: http.StatusBadRequest, Code: "bad_request", Public: says}
}

func storeDown(says string, err error) error {
	return &web.Error{Status: http.StatusServiceUnavailable, Code: "store_unavailable", Public: says, Err: err}
}
