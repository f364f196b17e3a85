package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"sidegate/config"
	"sidegate/web"
)

// adminClient asks the sidegate that runs on this machine, on its private listener.
type adminClient struct {
	addr string
	http http.Client
}

// newAdminClient finds the listener by the settings, as the running process did.
func newAdminClient(patience time.Duration) (*adminClient, error) {
	raw, err := config.FromEnv()
	if err != nil {
		return nil, err
	}
	return newAdminClientOf(raw, patience)
}

func newAdminClientOf(raw config.Raw, patience time.Duration) (*adminClient, error) {
	addr, err := reachable(raw.WithDefaults().AdminListen)
	if err != nil {
		return nil, fmt.Errorf("SIDEGATE_ADMIN_LISTEN: %w", err)
	}
	return &adminClient{
		addr: addr,
		// A transport of its own knows of no HTTP_PROXY: who is signed in is not for
		// a proxy to read.
		http: http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience},
	}, nil
}

// reachable returns where this machine reaches what listens at addr.
func reachable(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), err
}

// ask sends one request, with body as JSON unless it is nil, and returns the answer
// if it is a good one.
func (c *adminClient) ask(ctx context.Context, method, path string, body any) ([]byte, error) {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+c.addr+path, sent)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("no answer at %s: is sidegate running on this machine, with the SIDEGATE_ADMIN_LISTEN that is set here? (%w)", c.addr, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("the answer of %s broke off: %w", c.addr, err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, refusal(res.StatusCode, answer)
	}
	return answer, nil
}

// refusal says in a sentence why the listener did not do what was asked.
func refusal(status int, answer []byte) error {
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &said) == nil && said.Message != "" {
		return fmt.Errorf("%s", web.Printable(said.Message))
	}
	return fmt.Errorf("the listener at SIDEGATE_ADMIN_LISTEN answered with status %d", status)
}

// healthCommand asks the running sidegate on this machine whether it serves: the
// container's health check, without a shell or curl in the image.
func healthCommand(ctx context.Context) error {
	c, err := newAdminClient(3 * time.Second)
	if err != nil {
		return err
	}
	_, err = c.ask(ctx, http.MethodGet, "/healthz", nil)
	return err
}
