package doctor

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sidegate/explain"
)

// secret shows the client secret to the token endpoint together with a code that nobody
// issued: invalid_grant means that the provider believes the client (RFC 6749 5.2), if it
// does not say so to a wrong secret as well: some look at the code first.
func (p *provider) secret(ctx context.Context) Finding {
	m, err := p.discover(ctx)
	if err != nil || !p.mayAsk(m, m.Token) {
		return Unknown("the provider cannot be asked")
	}
	code, err := p.dummyExchange(ctx, m, p.client.Secret)
	switch {
	case err != nil:
		return unreachable("the provider's token endpoint", "SIDEGATE_ISSUER", err)
	case code == "invalid_grant":
		if wrong, err := p.dummyExchange(ctx, m, "sidegate-doctor-"+rand.Text()); err != nil || wrong == code {
			return Unknown("could not tell: the provider looks at the code first")
		}
		return Good("the provider takes the client id and secret")
	case code == "invalid_client" || code == "unauthorized_client" || code == "deleted_client":
		return explained("the provider does not take client id and secret together ("+code+")", code,
			"Compare SIDEGATE_CLIENT_ID and SIDEGATE_CLIENT_SECRET with the provider's console.")
	case code == "redirect_uri_mismatch":
		return explained("the provider does not know the redirect URI "+p.client.RedirectURI, code, p.register())
	}
	return Unknown("could not tell: the provider answered %q", code)
}

// dummyExchange returns the error code that the token endpoint answers with.
func (p *provider) dummyExchange(ctx context.Context, m metadata, secret string) (code string, err error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {"sidegate-doctor"},
		"redirect_uri": {p.client.RedirectURI}, "code_verifier": {rand.Text() + rand.Text()},
	}
	basic := len(m.Methods) == 0 || slices.Contains(m.Methods, "client_secret_basic") // as package login
	if !basic {
		form.Set("client_id", p.client.ID)
		form.Set("client_secret", secret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if basic {
		req.SetBasicAuth(url.QueryEscape(p.client.ID), url.QueryEscape(secret)) // RFC 6749 2.3.1
	}
	res, err := p.http.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var said struct {
		Error string `json:"error"`
	}
	if json.NewDecoder(io.LimitReader(res.Body, maxDocument)).Decode(&said) != nil || said.Error == "" {
		return fmt.Sprintf("status %d", res.StatusCode), nil
	}
	return said.Error, nil
}

// registered asks to sign in as nobody, without a page (prompt=none): a provider that
// knows the redirect URI sends that there, with an error (OpenID Connect Core 3.1.2.6);
// one that does not must not send anything there (RFC 6749 4.1.2.1).
func (p *provider) registered(ctx context.Context) Finding {
	m, err := p.discover(ctx)
	if err != nil || !p.mayAsk(m, m.Auth) {
		return Unknown("the provider cannot be asked")
	}
	res, body, err := p.askSilently(ctx, m)
	if err != nil {
		return unreachable("the provider's sign-in page", "SIDEGATE_ISSUER", err)
	}
	to, err := res.Location()
	switch {
	case err == nil && p.isCallback(to):
		return p.sentBack(to.Query().Get("error"))
	case err == nil:
		return p.refused(codeInError(to), "")
	}
	return p.refused("", string(body))
}

func (p *provider) askSilently(ctx context.Context, m metadata) (*http.Response, []byte, error) {
	at, err := url.Parse(m.Auth)
	if err != nil {
		return nil, nil, err
	}
	challenge := sha256.Sum256([]byte(rand.Text() + rand.Text()))
	q := at.Query()
	for name, value := range map[string]string{
		"client_id": p.client.ID, "redirect_uri": p.client.RedirectURI, "response_type": "code", "scope": "openid email profile",
		"state": "sidegate-doctor", "nonce": rand.Text(), "prompt": "none",
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
	} {
		q.Set(name, value)
	}
	at.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	res, err := p.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocument))
	return res, body, err
}

func (p *provider) isCallback(to *url.URL) bool {
	bare := *to
	bare.RawQuery, bare.Fragment = "", ""
	return bare.String() == p.client.RedirectURI
}

// sentBack judges an answer that came to our redirect URI, which is registered then.
func (p *provider) sentBack(code string) Finding {
	switch code {
	case "", "login_required", "interaction_required", "consent_required", "account_selection_required":
		return Good("%s is registered", p.client.RedirectURI)
	}
	says := fmt.Sprintf("the provider knows the redirect URI, and refuses sign-ins: %s", code)
	if known, ok := explain.Find(code); ok && len(known.Do) > 0 {
		return Beware(says, strings.Join(known.Do, " "))
	}
	return Beware(says, "Try a sign-in in a browser; the provider's page may say more.")
}

// refused judges an answer on the provider's own page: by a code, or by what the page
// names, as every provider words it differently.
func (p *provider) refused(code, page string) Finding {
	folded := strings.ToLower(page)
	switch {
	case code == "redirect_uri_mismatch", strings.Contains(folded, "redirect_uri"), strings.Contains(folded, "redirect uri"):
		f := explained("the provider does not know the redirect URI "+p.client.RedirectURI, "redirect_uri_mismatch", p.register())
		f.Remedy = p.register() + " " + f.Remedy
		return f
	case code == "invalid_client", code == "deleted_client", strings.Contains(folded, "client_id"), strings.Contains(folded, "invalid_client"):
		return explained("the provider does not know the client id "+p.client.ID, "invalid_client", "Compare SIDEGATE_CLIENT_ID with the provider's console.")
	case code != "":
		return explained("the provider refuses sign-ins: "+code, code, "Try a sign-in in a browser; the provider's page may say more.")
	}
	return Unknown("could not tell: the provider asks for a sign-in of its own. Register %s", p.client.RedirectURI)
}

func (p *provider) register() string {
	return "Register exactly this line at the provider: " + p.client.RedirectURI + "."
}

// codeInError finds the code in the address of Google's error page, which carries it
// within base64 of a format that is written down nowhere.
func codeInError(to *url.URL) string {
	text := to.Query().Get("authError")
	for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
		b, err := encoding.DecodeString(strings.TrimRight(strings.ReplaceAll(text, " ", "+"), "="))
		if err != nil {
			continue
		}
		for _, known := range explain.All() {
			if strings.Contains(string(b), known.Code) {
				return known.Code
			}
		}
	}
	return ""
}
