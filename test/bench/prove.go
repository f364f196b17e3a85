package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// A comparison of redirects and error pages is easily won. So each candidate shows,
// before and after each round, that it is in front of the app, that its visitor is
// signed in, and that nobody else gets in; and for each run under load the app is asked
// whether it was the app that answered.

// prove fails unless the candidate does its work.
func (c *candidate) prove(ctx context.Context) error {
	client := newClient(0)
	defer client.CloseIdleConnections()
	if err := c.proveApp(ctx, client, pathSmall, smallSize); err != nil {
		return err
	}
	if err := c.proveApp(ctx, client, pathLarge, largeSize); err != nil {
		return err
	}
	if !c.gate {
		return nil
	}
	_, body, err := get(ctx, client, c.url+pathWho, c.cookie)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	if c.launch != nil && !strings.Contains(string(body), who) {
		return fmt.Errorf("%s does not tell the app that %s is there: %.500s", c.name, who, body)
	}
	status, body, err := get(ctx, client, c.url+pathSmall, "")
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	if status == http.StatusOK || bytes.Contains(body, content(64)) {
		return fmt.Errorf("%s lets in somebody without a session: %d %.300s", c.name, status, body)
	}
	return nil
}

func (c *candidate) proveApp(ctx context.Context, client *http.Client, path string, size int) error {
	status, body, err := get(ctx, client, c.url+path, c.cookie)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	if err := isApps(status, body, size); err != nil {
		return fmt.Errorf("%s: %s: %w", c.name, path, err)
	}
	return nil
}

// isApps tells whether an answer is the app's, of the given size.
func isApps(status int, body []byte, size int) error {
	if status != http.StatusOK || len(body) != size || !bytes.Equal(body, content(size)) {
		return fmt.Errorf("not the app's answer: %d, %d bytes, %.300s", status, len(body), body)
	}
	return nil
}

// wasAsked fails unless all answers of a load, which is known by its query, came from the
// app. under is how many may have been under way at its end, when the load generator
// looked no more.
func (s *site) wasAsked(ctx context.Context, query string, answers, under int) error {
	client := newClient(0)
	defer client.CloseIdleConnections()
	_, body, err := get(ctx, client, s.appURL+pathCount+query, "")
	if err != nil {
		return err
	}
	asked, err := strconv.Atoi(strings.TrimSpace(string(body)))
	if err != nil {
		return err
	}
	return allAsked(asked, answers, under)
}

func allAsked(asked, answers, under int) error {
	if asked < answers || asked > answers+under {
		return fmt.Errorf("%d answers were counted, and the app was asked %d times: something else answers", answers, asked)
	}
	return nil
}
