package login

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// maxDocument bounds every answer of the provider, in bytes (SEC-DOS-05).
	maxDocument = 1 << 20
	// providerTime bounds everything asked of the provider during one request.
	providerTime = 10 * time.Second
)

// newHTTPClient returns the client for everything asked of the provider. It
// bounds each answer, and follows no redirect: the client secret and the code
// would travel along (SEC-OIDC-17, -19). A proxy from the environment is used,
// as in the company networks where Google is reached through one.
func newHTTPClient(patience time.Duration) *http.Client {
	base := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    3 * time.Second,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{
		Transport: transport{base},
		// For what go-oidc fetches in the background. Whoever waits for that has a
		// deadline of their own, which comes first.
		Timeout: patience + time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// transport bounds and checks the provider's answers before a library reads them.
type transport struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = &boundedBody{body: res.Body, left: maxDocument}
	switch {
	case r.Method == http.MethodPost: // token endpoint and revocation
		return unambiguous(res)
	case res.StatusCode != http.StatusOK:
		// go-oidc quotes the body of a failure in its error, which goes to the log;
		// the body may repeat an access token or an address (SEC-LEAK-05).
		res.Body.Close()
		res.Body = http.NoBody
	}
	return res, nil
}

// unambiguous refuses a token answer that names a member twice (SEC-OIDC-18);
// x/oauth2 would take the last.
func unambiguous(res *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	if err := checkMembers(body); errors.Is(err, errTwice) {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// boundedBody fails, rather than ends, past its bound: a document that was cut
// must not be taken for a whole one.
type boundedBody struct {
	body io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the provider's answer is larger than 1 MiB")
	}
	n, err := b.body.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (b *boundedBody) Close() error { return b.body.Close() }
