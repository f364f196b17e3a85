package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxDocument bounds an answer of the provider's, in bytes.
const maxDocument = 1 << 20

// Client is our registration at the provider.
type Client struct {
	Issuer      string
	ID          string
	Secret      string
	RedirectURI string
}

// metadata is what we read of the provider's discovery document, and when it said so.
type metadata struct {
	Issuer  string   `json:"issuer"`
	Auth    string   `json:"authorization_endpoint"`
	Token   string   `json:"token_endpoint"`
	Keys    string   `json:"jwks_uri"`
	Methods []string `json:"token_endpoint_auth_methods_supported"`

	ahead time.Duration // how far our clock is ahead of the provider's
	dated bool          // the provider told the time
}

// provider asks the provider, for its metadata once.
type provider struct {
	client   Client
	http     *http.Client
	now      func() time.Time
	discover func(ctx context.Context) (metadata, error)
}

// ProviderChecks are those of the provider and our client there.
func ProviderChecks(group string, c Client, now func() time.Time) []Check {
	p := &provider{client: c, http: providerClient(), now: now}
	var once sync.Mutex
	var known func() (metadata, error)
	p.discover = func(ctx context.Context) (metadata, error) {
		once.Lock()
		defer once.Unlock()
		if known == nil {
			m, err := p.fetch(ctx)
			known = func() (metadata, error) { return m, err }
		}
		return known()
	}
	return []Check{
		Simple(group, "provider", p.answers),
		Simple(group, "clock", p.clock),
		Simple(group, "client-secret", p.secret),
		Simple(group, "redirect-uri", p.registered),
	}
}

// providerClient follows no redirect: the client secret would travel along.
func providerClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment, // as sidegate's own, see package login
			DialContext:           (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
			ForceAttemptHTTP2:     true,
			TLSHandshakeTimeout:   3 * time.Second,
			ResponseHeaderTimeout: checkTime,
			DisableKeepAlives:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// errStatus is an answer that is not what was asked for.
type errStatus int

func (e errStatus) Error() string { return fmt.Sprintf("it answers %d", int(e)) }

// get fetches a JSON document.
func (p *provider) get(ctx context.Context, at string, into any) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	res, err := p.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, errStatus(res.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxDocument)).Decode(into); err != nil {
		return nil, errors.New("what it answers is no JSON")
	}
	return res.Header, nil
}

func (p *provider) fetch(ctx context.Context) (metadata, error) {
	var m metadata
	before := p.now()
	head, err := p.get(ctx, strings.TrimSuffix(p.client.Issuer, "/")+"/.well-known/openid-configuration", &m)
	if err != nil {
		return m, err
	}
	m.ahead, m.dated = ahead(head, before, p.now())
	return m, nil
}

// ahead compares a Date with the moments before and after the request. A cache says how
// long ago it was (Age, RFC 9111 5.1); Date has no fractions of seconds.
func ahead(h http.Header, before, after time.Time) (time.Duration, bool) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0, false
	}
	age, _ := strconv.Atoi(h.Get("Age"))
	date = date.Add(time.Duration(age) * time.Second)
	switch {
	case before.After(date.Add(time.Second)):
		return before.Sub(date), true
	case after.Before(date):
		return after.Sub(date), true
	}
	return 0, true
}

// answers looks at the provider's discovery document and keys.
func (p *provider) answers(ctx context.Context) Finding {
	m, err := p.discover(ctx)
	if err != nil {
		return unreachable("the provider "+p.client.Issuer, "SIDEGATE_ISSUER", err)
	}
	if m.Issuer != p.client.Issuer {
		return Bad(fmt.Sprintf("the provider calls itself %q, and the settings %q", m.Issuer, p.client.Issuer),
			"Write it as the provider does, to the last slash: SIDEGATE_ISSUER="+m.Issuer)
	}
	if m.Auth == "" || m.Token == "" || m.Keys == "" {
		return Bad("the provider's discovery document lacks an endpoint that signing in needs",
			"Set SIDEGATE_ISSUER to an OpenID provider that offers the authorization code flow.")
	}
	for _, endpoint := range []string{m.Auth, m.Token, m.Keys} {
		if !p.mayAsk(m, endpoint) {
			return Bad("the provider names an endpoint that is not https, which sidegate does not use: "+endpoint,
				"Have the provider announce https addresses; behind a proxy it has to be told its own.")
		}
	}
	var set struct {
		Keys []struct {
			Kty string `json:"kty"`
		} `json:"keys"`
	}
	if _, err := p.get(ctx, m.Keys, &set); err != nil {
		return unreachable("the provider's key set "+m.Keys, "SIDEGATE_ISSUER", err)
	}
	if len(set.Keys) == 0 {
		return Bad("the provider's key set is empty: no sign-in can be verified", "Have the provider publish its signing keys at "+m.Keys+".")
	}
	return Good("%s answers, with %s", p.client.Issuer, counted(len(set.Keys), "key"))
}

// mayAsk reports whether an endpoint gets what package login would send there, the client
// secret for one: not in clear text, unless the issuer itself is on loopback, and not at
// the word of a document that is another issuer's (OpenID Connect Discovery 4.3).
func (p *provider) mayAsk(m metadata, endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && u.Host != "" && m.Issuer == p.client.Issuer &&
		(u.Scheme == "https" || u.Scheme == "http" && strings.HasPrefix(p.client.Issuer, "http://"))
}

// The clocks may differ by a minute (see package login); a third of that is odd.
const (
	skewFault   = time.Minute
	skewWarning = 20 * time.Second
)

func (p *provider) clock(ctx context.Context) Finding {
	m, err := p.discover(ctx)
	switch {
	case err != nil:
		return Unknown("the provider cannot be asked for the time")
	case !m.dated:
		return Unknown("the provider's answer has no date")
	}
	says := fmt.Sprintf("this machine's clock is %v %s the provider's", m.ahead.Abs().Round(time.Second), map[bool]string{true: "ahead of", false: "behind"}[m.ahead > 0])
	const remedy = "Set the clock, and keep it right: timedatectl set-ntp true. Sign-ins are refused when it is more than a minute off."
	switch skew := m.ahead.Abs(); {
	case skew > skewFault:
		return Bad(says, remedy)
	case skew > skewWarning:
		return Beware(says, remedy)
	}
	return Good("agrees with the provider's")
}

// unreachable says why a server did not answer as it should, and what to do.
func unreachable(what, setting string, err error) Finding {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return Bad(fmt.Sprintf("%s cannot be reached: there is no host %s", what, dns.Name),
			"Check that this machine has a way out and can look up names (DNS), and, if you have set it, the spelling of "+setting+".")
	}
	if status, ok := errors.AsType[errStatus](err); ok {
		return Bad(fmt.Sprintf("%s: %v", what, status), "Check the address in "+setting+": something is there, and not what is looked for.")
	}
	if untrusted(err) {
		return Bad(fmt.Sprintf("%s has a certificate that is not trusted here: %v", what, innermost(err)),
			"Check this machine's clock and its certificates (package ca-certificates; SSL_CERT_FILE for a company's own), and the host name in "+setting+".")
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return Bad(what+" cannot be reached: the connection is refused", "Check host and port in "+setting+", and that the server runs.")
	}
	if isTimeout(err) {
		return Bad(what+" does not answer", "Check that this machine may go out to it (firewall; HTTPS_PROXY where there is a company proxy), and "+setting+".")
	}
	return Bad(fmt.Sprintf("%s cannot be read: %v", what, innermost(err)), "Check "+setting+".")
}

func untrusted(err error) bool {
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	return verify || unknown
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// innermost leaves off what errors of net/http repeat, the address with its query first
// of all.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
