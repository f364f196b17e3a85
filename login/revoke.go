package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"sidegate/session"
)

// maxRevoking bounds how many tokens are given back at once. A provider that
// hangs must not make a pile here; a token that is not given back ends by itself.
const maxRevoking = 16

// giveBack revokes the tokens of ended sessions at the provider (RFC 7009), in
// the background: whoever signs out waits for nobody, and has signed out whatever
// the provider says.
func (l *Login) giveBack(ended []session.Session) {
	for _, at := range l.all() {
		at.giveBackOwn(ended)
	}
}

func (l *Login) giveBackOwn(ended []session.Session) {
	m := l.provider.metadata.known()
	if m == nil || m.revocation == "" {
		return
	}
	for _, s := range l.ofProvider(ended) {
		if s.Provider.Token == "" {
			continue
		}
		select {
		case l.revoking <- struct{}{}:
		default:
			l.Log.Warn("token not revoked", "session", s.ID, "error", "too many revocations under way")
			continue
		}
		go func() {
			defer func() { <-l.revoking }()
			ctx, cancel := context.WithTimeout(context.Background(), l.Patience)
			defer cancel()
			if err := l.provider.revoke(ctx, m, s.Provider.Token); err != nil {
				l.Log.Warn("token not revoked", "session", s.ID, "error", err.Error())
			}
		}()
	}
}

// revoke sends one token back. No hint says which kind it is: the provider has to
// look for it in any case (RFC 7009 2.1).
func (p *provider) revoke(ctx context.Context, m *metadata, token string) error {
	return p.revokeAt(ctx, m, m.revocation, token)
}

func (p *provider) revokeAt(ctx context.Context, m *metadata, endpoint, token string) error {
	client, form := p.oauth(m), url.Values{"token": {token}}
	if client.Endpoint.AuthStyle == oauth2.AuthStyleInParams {
		form.Set("client_id", client.ClientID)
		form.Set("client_secret", client.ClientSecret)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return errors.New("the revocation endpoint is no URL")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client.Endpoint.AuthStyle == oauth2.AuthStyleInHeader {
		r.SetBasicAuth(url.QueryEscape(client.ClientID), url.QueryEscape(client.ClientSecret)) // RFC 6749 2.3.1
	}
	res, err := p.http.Do(r)
	if err != nil {
		return fmt.Errorf("revocation endpoint: %w", err)
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body) // so that the connection can be used again
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("revocation endpoint: status %d", res.StatusCode)
	}
	return nil
}
