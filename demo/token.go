package demo

import (
	"encoding/json"
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// token is the token endpoint (RFC 6749, 3.2).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	answer, err := p.exchange(r)
	if err == nil {
		writeJSON(w, http.StatusOK, answer)
		return
	}
	e := oidc.DefaultToServerError(err, "the demo provider failed")
	switch e.ErrorType {
	case oidc.InvalidClient: // RFC 6749, 5.2
		w.Header().Set("WWW-Authenticate", `Basic realm="sidegate demo"`)
		writeJSON(w, http.StatusUnauthorized, e)
	case oidc.ServerError:
		writeJSON(w, http.StatusInternalServerError, e)
	default:
		writeJSON(w, http.StatusBadRequest, e)
	}
}

func (p *Provider) exchange(r *http.Request) (*oidc.AccessTokenResponse, error) {
	switch oidc.GrantType(r.PostFormValue("grant_type")) {
	case oidc.GrantTypeCode:
		return p.redeem(r)
	case oidc.GrantTypeRefreshToken:
		return p.renew(r)
	}
	return nil, oidc.ErrUnsupportedGrantType().WithDescription("want a code, or a token to refresh with")
}

// redeem turns a code into tokens. The library looks the code up, which uses
// it up, and compares verifier, client, secret and redirect URI.
func (p *Provider) redeem(r *http.Request) (*oidc.AccessTokenResponse, error) {
	req, err := op.ParseAccessTokenRequest(r, p.op.Decoder())
	if err != nil {
		return nil, err
	}
	granted, client, err := op.ValidateAccessTokenRequest(r.Context(), req, p.op)
	if err != nil {
		return nil, err
	}
	return op.CreateTokenResponse(r.Context(), granted, client, p.op, true, req.Code, "")
}

// renew turns a refresh token into a new access token (RFC 6749, 6).
func (p *Provider) renew(r *http.Request) (*oidc.AccessTokenResponse, error) {
	req, err := op.ParseRefreshTokenRequest(r, p.op.Decoder())
	if err != nil {
		return nil, err
	}
	granted, client, err := op.ValidateRefreshTokenRequest(r.Context(), req, p.op)
	if err != nil {
		return nil, err
	}
	return op.CreateTokenResponse(r.Context(), granted, client, p.op, true, "", req.RefreshToken)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
