package login

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sidegate/session"
)

// The beginnings of the names of Google's events.
const (
	riscEvents  = "https://schemas.openid.net/secevent/risc/event-type/"
	oauthEvents = "https://schemas.openid.net/secevent/oauth/event-type/"
)

// event is one event of a token.
type event struct {
	name   string
	who    account
	reason string
	state  string
}

// account names somebody at our provider by one of the two; the zero account is
// nobody's.
type account struct{ subject, email string }

// parseEvents reads the events, in the order of their names.
func (l *Login) parseEvents(conf *risc, raw json.RawMessage) ([]event, error) {
	named, err := readEvents(raw)
	if err != nil {
		return nil, err
	}
	if len(named) == 0 {
		return nil, errors.New("events is empty")
	}
	var events []event
	for name, value := range named {
		var e struct {
			Subject json.RawMessage `json:"subject"`
			Reason  text            `json:"reason"`
			State   text            `json:"state"`
		}
		if err := json.Unmarshal(value, &e); err != nil {
			return nil, fmt.Errorf("event %.100q: %w", name, err)
		}
		who, err := l.accountOf(conf, e.Subject)
		if err != nil {
			return nil, fmt.Errorf("event %.100q: %w", name, err)
		}
		events = append(events, event{name: name, who: who, reason: string(e.Reason), state: string(e.State)})
	}
	slices.SortFunc(events, func(a, b event) int { return strings.Compare(a.name, b.name) })
	return events, nil
}

// accountOf returns the account that an event is about. The forms iss-sub (also
// written iss_sub) and id_token_claims name it by iss and sub; the form email by
// its address alone. A token, or another issuer's account, is nobody here.
func (l *Login) accountOf(conf *risc, raw json.RawMessage) (account, error) {
	if raw == nil {
		return account{}, nil
	}
	if err := checkMembers(raw); err != nil {
		return account{}, fmt.Errorf("subject: %w", err)
	}
	var s struct {
		Type    text `json:"subject_type"`
		Format  text `json:"format"` // its name in RFC 9493
		Issuer  text `json:"iss"`
		Subject text `json:"sub"`
		Email   text `json:"email"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return account{}, fmt.Errorf("subject: %w", err)
	}
	switch ours := string(s.Issuer) == conf.issuer || string(s.Issuer) == l.Client.Issuer; {
	case ours && s.Subject != "":
		return account{subject: l.Client.subject(string(s.Subject))}, nil
	case cmp.Or(s.Type, s.Format) == "email":
		return account{email: string(s.Email)}, nil
	}
	return account{}, nil
}

// act does what an event demands, and logs it: whoever runs the site may want to
// look at the account. What we do not know is taken and logged (RFC 8417 2.2).
func (l *Login) act(ctx context.Context, e event) error {
	ended := 0
	if e.endsSessions() {
		n, err := l.endAccount(ctx, e.who)
		if err != nil {
			return outage{err}
		}
		ended = n
	}
	l.Log.Info("security event", "event", e.label(), "sub", shorten(e.who.subject), "reason", shorten(e.reason),
		"state", shorten(e.state), "sessions_ended", ended)
	return nil
}

func (l *Login) endAccount(ctx context.Context, who account) (int, error) {
	switch {
	case who.subject != "":
		return l.Sessions.EndSubject(ctx, l.Client.Issuer, who.subject)
	case who.email != "":
		return l.Sessions.EndWhere(ctx, func(i session.Info) bool {
			return i.Identity.Issuer == l.Client.Issuer && strings.EqualFold(i.Identity.Email, who.email)
		})
	}
	return 0, nil
}

// endsSessions reports whether the account's sessions have to end: Google demands
// it for the first two and for a hijacked account. An account that was disabled
// for anything else could not sign in again either; only when it went along with
// many others ("bulk-account") Google leaves it to the site.
//
// token-revoked tells that an app's own refresh token is gone, by a part of it; we
// keep none of Google's. The password that has to be changed, the account that is
// enabled again and the test message end nothing.
func (e event) endsSessions() bool {
	switch e.name {
	case riscEvents + "sessions-revoked", oauthEvents + "tokens-revoked":
		return true
	case riscEvents + "account-disabled":
		return e.reason != "bulk-account"
	}
	return false
}

// label is the event's name without what all of them have in common.
func (e event) label() string {
	name := strings.TrimPrefix(strings.TrimPrefix(e.name, riscEvents), oauthEvents)
	return shorten(name)
}

// shorten keeps what somebody else wrote from filling the log.
func shorten(s string) string { return cut(s, 100) }
