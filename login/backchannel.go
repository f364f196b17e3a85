package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"sidegate/web"
)

// BackchannelPath is where the provider posts logout tokens to. With PUBLIC_URL
// before it, it has to be registered there.
const BackchannelPath = "/_gate/backchannel-logout"

// maxLogoutAge is how old a logout token may be. Providers give it two minutes
// (Back-Channel Logout 1.0, 2.4), and send it again when we could not answer.
const maxLogoutAge = time.Hour

// BackchannelLogout ends sessions on the provider's word: POST
// /_gate/backchannel-logout (OpenID Connect Back-Channel Logout 1.0).
func (l *Login) BackchannelLogout(w http.ResponseWriter, r *http.Request) error {
	rec := web.RecordOf(r.Context())
	if err := l.backchannelLogout(w, r, rec); err != nil {
		return failNotice(err, map[string]string{ // section 2.8
			"error": "invalid_request", "error_description": "this is no logout token that we accept",
		})
	}
	rec.Decision = "backchannel_logout"
	l.Site.Empty(w, r, http.StatusOK)
	return nil
}

func (l *Login) backchannelLogout(w http.ResponseWriter, r *http.Request, rec *web.Record) error {
	raw, err := l.readLogoutRequest(w, r)
	if err != nil {
		return err
	}
	return l.sentBy(raw).takeLogout(r, rec, raw)
}

func (l *Login) takeLogout(r *http.Request, rec *web.Record, raw string) error {
	ctx, cancel := l.noticeContext(r)
	defer cancel()
	t, err := l.verifyLogout(oidc.ClientContext(ctx, l.provider.http), raw)
	if err != nil {
		return err
	}
	rec.Subject = l.Client.subject(t.Subject)
	fresh, err := l.once(ctx, "logout", t.TokenID, markLife(maxLogoutAge), func() error { return l.endFor(ctx, t) })
	if err == nil && !fresh {
		err = errors.New("jti was used before")
	}
	return err
}

// endFor ends the session that the token names, or all of its subject when it
// names none (section 2.7). To know nobody by that name is success.
func (l *Login) endFor(ctx context.Context, t *oidc.LogoutToken) (err error) {
	if t.SessionID != "" {
		_, err = l.Sessions.EndProviderSession(ctx, l.Client.Issuer, t.SessionID)
	} else {
		_, err = l.Sessions.EndSubject(ctx, l.Client.Issuer, l.Client.subject(t.Subject))
	}
	if err != nil {
		return outage{err}
	}
	return nil
}

// readLogoutRequest returns the logout token of a request (section 2.5). It comes
// in the body and once: of two, another reader may take the other.
func (l *Login) readLogoutRequest(w http.ResponseWriter, r *http.Request) (string, error) {
	body, err := l.readNotice(w, r)
	if err != nil {
		return "", err
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return "", errors.New("body is no form")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", errors.New("body is a malformed form")
	}
	if n := len(form["logout_token"]); n != 1 {
		return "", fmt.Errorf("parameter logout_token comes %d times", n)
	}
	return form.Get("logout_token"), nil
}

// verifyLogout validates a logout token by section 2.6. go-oidc checks signature,
// algorithm, iss, that we are in aud, exp, that there are a jti and a sub or sid,
// and that there is no nonce; the rest is here.
func (l *Login) verifyLogout(ctx context.Context, raw string) (*oidc.LogoutToken, error) {
	m, err := l.provider.metadata.get(ctx)
	if err != nil {
		return nil, outage{err}
	}
	ctx, noKeys := noteNoKeys(ctx)
	t, err := m.verifier.VerifyLogout(ctx, raw)
	if err != nil && *noKeys {
		return nil, outage{err}
	}
	if err != nil {
		return nil, err
	}
	var payload json.RawMessage
	if err := t.Claims(&payload); err != nil {
		return nil, err
	}
	return t, l.checkLogout(t, payload, typeOf(raw))
}

func (l *Login) checkLogout(t *oidc.LogoutToken, payload []byte, kind string) error {
	if err := checkMembers(payload); err != nil {
		return fmt.Errorf("claims: %w", err)
	}
	var c struct {
		Expiry   number          `json:"exp"`
		IssuedAt number          `json:"iat"`
		Events   json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return fmt.Errorf("claims: %w", err)
	}
	events, err := readEvents(c.Events)
	if err != nil {
		return err
	}
	switch _, ok := events["http://schemas.openid.net/event/backchannel-logout"]; {
	case !ok:
		return errors.New("events has no backchannel-logout") // step 6
	case kind != "logout+jwt":
		return errors.New("typ is not logout+jwt") // section 2.4: another kind of token of the same provider's
	case !bool(c.Expiry):
		return errors.New("exp is no number") // RFC 7519 2
	case t.Subject != "" && !validSubject(t.Subject):
		return errors.New("sub is malformed")
	case t.SessionID != "" && !validSessionID(t.SessionID):
		return errors.New("sid is malformed")
	}
	return l.checkIssued(c.IssuedAt, t.IssuedAt, maxLogoutAge)
}
