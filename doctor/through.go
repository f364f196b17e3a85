package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// way is a way to some server, and how to be let through there.
type way struct {
	at     *url.URL // scheme and host to connect to
	host   string   // to be asked for
	cookie string
}

// client follows nothing and keeps nothing, and speaks HTTP/1.1: what is in front is
// to be seen as a WebSocket's handshake sees it.
func (v way) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
			TLSHandshakeTimeout:   3 * time.Second,
			ExpectContinueTimeout: 3 * time.Second,
			DisableKeepAlives:     true,
			DisableCompression:    true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (v way) ask(ctx context.Context, method, path string, body io.Reader, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, v.at.Scheme+"://"+v.at.Host+path, body)
	if err != nil {
		return nil, err
	}
	req.Host = v.host
	for name, values := range header {
		req.Header[name] = values
	}
	if v.cookie != "" {
		req.Header.Set("Cookie", v.cookie)
	}
	return v.client().Do(req)
}

// streams reads a stream in parts, and tells the server of each at once. It reports
// whether that word was in time.
func (v way) streams(ctx context.Context, path, seen string) (prompt bool, err error) {
	res, err := v.ask(ctx, http.MethodGet, path, nil, http.Header{"Accept": {"text/event-stream"}})
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return false, errStatus(res.StatusCode)
	}
	for range streamParts {
		part := make([]byte, len(onePart))
		if _, err := io.ReadFull(res.Body, part); err != nil {
			return false, err
		}
		if told, err := v.ask(ctx, http.MethodGet, seen, nil, nil); err == nil {
			told.Body.Close()
		}
	}
	rest, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	return string(rest) == promptEnd, err
}

// errWanted ends an upload that the server is willing to take.
var errWanted = errors.New("the server takes it")

// wanted is a body that nobody is meant to get: asking for its first byte is the answer.
type wanted struct{ asked bool }

func (b *wanted) Read([]byte) (int, error) {
	b.asked = true
	return 0, errWanted
}

// takes asks whether an upload of so many bytes would be taken, and sends none of them
// (Expect: 100-continue, RFC 9110 10.1.1). refused is the status if not.
func (v way) takes(ctx context.Context, path string, size int64) (refused int, err error) {
	body := &wanted{}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.at.Scheme+"://"+v.at.Host+path, body)
	if err != nil {
		return 0, err
	}
	req.Host, req.ContentLength = v.host, size
	req.Header.Set("Expect", "100-continue")
	req.Header.Set("Content-Type", "application/octet-stream")
	res, err := v.client().Do(req)
	if err == nil {
		res.Body.Close()
		if res.StatusCode >= 400 {
			return res.StatusCode, nil
		}
		return 0, nil
	}
	if body.asked {
		return 0, nil
	}
	return 0, err
}

// megabytes writes a size for people.
func megabytes(n int64) string { return fmt.Sprintf("%d MB", n>>20) }

// zeros is a body of so many bytes.
func zeros(n int64) io.Reader { return io.LimitReader(zeroReader{}, n) }

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
