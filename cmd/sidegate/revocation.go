package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"

	"sidegate/session"
)

const (
	maxRevocation = 1 << 20 // bytes of a request
	maxNamed      = 1000    // each is compared with each session
)

// revocation is the body of POST /sessions/revoke: who, or all.
type revocation struct {
	Who []string `json:"who,omitempty"`
	All bool     `json:"all,omitempty"`
}

// revoked is the answer to it.
type revoked struct {
	Revoked int          `json:"revoked"`
	Unknown []string     `json:"unknown"` // who had no session
	Ended   []endedOfWho `json:"ended"`   // of everybody else in who
}

type endedOfWho struct {
	Who      string `json:"who"`
	Sessions int    `json:"sessions"`
}

// revoke answers POST /sessions/revoke. Once begun it goes on, whether or not
// somebody waits: half a revocation helps nobody.
func (a *sessionAdmin) revoke(w http.ResponseWriter, r *http.Request) error {
	asked, err := readRevocation(http.MaxBytesReader(w, r.Body, maxRevocation))
	if err != nil {
		return err
	}
	var named []who
	var said []string
	for _, s := range asked.Who {
		w, err := parseWho(s)
		if err != nil {
			return badRequest("Nobody was signed out: " + err.Error() + ".")
		}
		if !slices.Contains(named, w) { // the second time there would be nothing left to end
			named, said = append(named, w), append(said, s)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeTime)
	defer cancel()
	total, counts, err := a.end(ctx, named, asked.All)
	if err != nil {
		return storeDown("Some of these sessions may not have ended, as their store does not answer: revoke them again.", err)
	}
	a.log.Info("sessions revoked by the operator", "sessions", total, "named", len(named), "all", asked.All)
	answer := revoked{Revoked: total, Unknown: []string{}, Ended: []endedOfWho{}}
	for n, s := range said {
		if counts[n] == 0 {
			answer.Unknown = append(answer.Unknown, s)
			continue
		}
		answer.Ended = append(answer.Ended, endedOfWho{s, counts[n]})
	}
	a.site.JSON(w, r, http.StatusOK, answer)
	return nil
}

func readRevocation(body io.Reader) (revocation, error) {
	var asked revocation
	d := json.NewDecoder(body)
	d.DisallowUnknownFields() // a misspelt name must not mean nobody, or all
	err := d.Decode(&asked)
	if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("more than one value")
	}
	if err != nil || asked.All == (len(asked.Who) > 0) {
		return revocation{}, badRequest(`Say whose sessions to end, {"who":["alice@example.com","sub:SUBJECT","id:ID"]}, or {"all":true}.`)
	}
	if len(asked.Who) > maxNamed {
		return revocation{}, badRequest("Nobody was signed out: name at most " + strconv.Itoa(maxNamed) + " at a time.")
	}
	return asked, nil
}

// end ends the sessions of everybody named, or all, and returns how many it were,
// together and for each who. A subject is found through the store's index; for
// anything else each session is looked at.
func (a *sessionAdmin) end(ctx context.Context, named []who, all bool) (total int, counts []int, err error) {
	counts = make([]int, len(named))
	if all || slices.ContainsFunc(named, func(w who) bool { return w.subject == "" }) {
		known := make(map[string]bool) // a session may come twice
		total, err = a.sessions.EndWhere(ctx, func(i session.Info) bool {
			if known[i.ID] {
				return false
			}
			hit := all
			for n, w := range named {
				if w.matches(i, a.issuerOf(w)) {
					counts[n]++
					hit = true
				}
			}
			if hit {
				known[i.ID] = true
			}
			return hit
		})
	}
	for n, w := range named {
		if err == nil && w.subject != "" {
			var ended int
			ended, err = a.sessions.EndSubject(ctx, a.issuerOf(w), w.subject)
			total, counts[n] = total+ended, counts[n]+ended
		}
	}
	return total, counts, err
}
