package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"sidegate/web"
)

// RISCPath is the receiver of Google's Cross-Account Protection, under PUBLIC_URL.
const RISCPath = "/_gate/risc"

const (
	// riscWait is the longest pause between attempts to fetch the configuration,
	// which anybody can cause.
	riscWait = time.Minute
	// maxEventAge is how old a security event token may be. It has no end of its
	// own (RFC 8417 4.1), and the sender may have to try for days.
	maxEventAge = 7 * 24 * time.Hour
)

// risc is what verifies security event tokens. Google signs them with other keys
// than ID tokens, under an issuer that differs from its own by a slash.
type risc struct {
	issuer   string
	verifier *oidc.IDTokenVerifier
}

// errNoRISC says that the provider is none that sends security events.
var errNoRISC = errors.New("the provider has no RISC configuration")

// fetchRISC fetches the issuer's RISC configuration.
func (p *provider) fetchRISC(ctx context.Context) (*risc, error) {
	at := strings.TrimSuffix(p.client.Issuer, "/") + "/.well-known/risc-configuration"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	res, err := p.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("RISC configuration: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound {
		return nil, errNoRISC
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("RISC configuration: status %d", res.StatusCode)
	}
	var doc struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil || doc.Issuer == "" {
		return nil, errors.New("RISC configuration: not a JSON object with an issuer")
	}
	if err := p.checkEndpoint(doc.Keys); err != nil {
		return nil, fmt.Errorf("RISC configuration: jwks_uri: %w", err)
	}
	return &risc{issuer: doc.Issuer, verifier: oidc.NewVerifier(doc.Issuer, newKeySet(p.http, doc.Keys, p.now), &oidc.Config{
		ClientID:             p.client.ID,
		SupportedSigningAlgs: asymmetric(),
		SkipExpiryCheck:      true, // an event does not cease to have happened (RFC 8417 4.1)
	})}, nil
}

// SecurityEvent takes what happened to an account at Google: POST /_gate/risc
// (Cross-Account Protection; RFC 8417, RFC 8935). The media type of the body is
// not looked at: the signature says what it is.
func (l *Login) SecurityEvent(w http.ResponseWriter, r *http.Request) error {
	rec := web.RecordOf(r.Context())
	fresh, err := l.securityEvent(w, r)
	if err != nil {
		return failNotice(err, map[string]string{ // RFC 8935 2.3
			"err": "invalid_request", "description": "this is no security event token that we accept",
		})
	}
	rec.Decision = "security_event"
	if !fresh {
		// Sent again because our answer got lost: to refuse it would have it sent again.
		rec.Decision = "security_event_repeated"
	}
	l.Site.Empty(w, r, http.StatusAccepted)
	return nil
}

func (l *Login) securityEvent(w http.ResponseWriter, r *http.Request) (fresh bool, err error) {
	body, err := l.readNotice(w, r)
	if err != nil {
		return false, err
	}
	return l.sentBy(string(body)).takeEvent(r, string(body))
}

func (l *Login) takeEvent(r *http.Request, raw string) (fresh bool, err error) {
	ctx, cancel := l.noticeContext(r)
	defer cancel()
	t, err := l.verifyEvent(oidc.ClientContext(ctx, l.provider.http), raw)
	if err != nil {
		return false, err
	}
	return l.once(ctx, "event", t.id, markLife(maxEventAge), func() error {
		for _, e := range t.events {
			if err := l.act(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// eventToken is a verified security event token.
type eventToken struct {
	id     string
	events []event
}

func (l *Login) verifyEvent(ctx context.Context, raw string) (eventToken, error) {
	conf, err := l.provider.risc.get(ctx)
	if errors.Is(err, errNoRISC) {
		return eventToken{}, err
	}
	if err != nil {
		return eventToken{}, outage{err}
	}
	ctx, noKeys := noteNoKeys(ctx)
	t, err := conf.verifier.Verify(ctx, raw)
	if err != nil && *noKeys {
		return eventToken{}, outage{err}
	}
	if err != nil {
		return eventToken{}, err
	}
	var payload json.RawMessage
	if err := t.Claims(&payload); err != nil {
		return eventToken{}, err
	}
	if err := checkMembers(payload); err != nil {
		return eventToken{}, fmt.Errorf("claims: %w", err)
	}
	var c struct {
		ID       text            `json:"jti"`
		IssuedAt number          `json:"iat"`
		Events   json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return eventToken{}, fmt.Errorf("claims: %w", err)
	}
	if c.ID == "" {
		return eventToken{}, errors.New("jti is missing")
	}
	if err := l.checkIssued(c.IssuedAt, t.IssuedAt, maxEventAge); err != nil {
		return eventToken{}, err
	}
	events, err := l.parseEvents(conf, c.Events)
	return eventToken{id: string(c.ID), events: events}, err
}
