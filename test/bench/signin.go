package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// who signs in, at the demo's provider.
const who = "alice@example.com"

// get asks for a URL with a Cookie header, unless that is empty, as a page load, and
// reads the whole answer.
func get(ctx context.Context, client *http.Client, url, cookie string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	for name, value := range browserHeader() {
		req.Header[name] = value
	}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// browserHeader is what a browser sends with a page load, Host and Cookie apart.
func browserHeader() http.Header {
	return http.Header{
		"User-Agent":                {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"},
		"Accept":                    {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
		"Accept-Language":           {"en-US,en;q=0.9"},
		"Accept-Encoding":           {"gzip, deflate, br, zstd"},
		"Upgrade-Insecure-Requests": {"1"},
		"Sec-Fetch-Dest":            {"document"},
		"Sec-Fetch-Mode":            {"navigate"},
		"Sec-Fetch-Site":            {"none"},
	}
}

// browser is one visitor, with cookies.
type browser struct {
	client *http.Client
	jar    *cookiejar.Jar
}

// newBrowser shares connections with others through transport, as its cookies are its
// own all the same.
func newBrowser(transport http.RoundTripper) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &browser{&http.Client{Timeout: patience, Transport: transport, Jar: jar}, jar}, nil
}

// signIn does what a person does: opens a page, is led to the provider, presses the
// button with the name, and is led back to the page.
func (b *browser) signIn(ctx context.Context, page string) error {
	at, body, err := b.load(ctx, http.MethodGet, page, nil)
	if err != nil {
		return err
	}
	action, fields, err := form(at, body)
	if err != nil {
		return fmt.Errorf("%s led to %s: %w", page, at, err)
	}
	fields.Set("account", who)
	at, body, err = b.load(ctx, http.MethodPost, action, fields)
	if err != nil {
		return err
	}
	if at.String() != page || body != string(content(smallSize)) {
		return fmt.Errorf("signing in ended at %s, not at the app: %.300s", at, body)
	}
	return nil
}

// load follows redirects and returns where they end, with the page there.
func (b *browser) load(ctx context.Context, method, to string, fields url.Values) (*url.URL, string, error) {
	var in io.Reader
	if fields != nil {
		in = strings.NewReader(fields.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, to, in)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept", "text/html")
	if fields != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.300s", resp.Request.URL, resp.Status, body)
	}
	return resp.Request.URL, string(body), err
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	formHidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// form reads the sign-in page of the demo's provider.
func form(at *url.URL, body string) (action string, fields url.Values, err error) {
	m := formAction.FindStringSubmatch(body)
	if m == nil || !strings.Contains(body, who) {
		return "", nil, errors.New("no sign-in form there")
	}
	to, err := at.Parse(html.UnescapeString(m[1]))
	if err != nil {
		return "", nil, err
	}
	fields = make(url.Values)
	for _, hidden := range formHidden.FindAllStringSubmatch(body, -1) {
		fields.Set(html.UnescapeString(hidden[1]), html.UnescapeString(hidden[2]))
	}
	return to.String(), fields, nil
}

// cookies is the Cookie header that the browser sends to a URL.
func (b *browser) cookies(to string) (string, error) {
	u, err := url.Parse(to)
	if err != nil {
		return "", err
	}
	var all []string
	for _, c := range b.jar.Cookies(u) {
		all = append(all, c.Name+"="+c.Value)
	}
	return strings.Join(all, "; "), nil
}

// signInOnce returns the Cookie header of somebody who has signed in.
func signInOnce(ctx context.Context, page string) (string, error) {
	b, err := newBrowser(&http.Transport{DisableKeepAlives: true})
	if err != nil {
		return "", err
	}
	if err := b.signIn(ctx, page); err != nil {
		return "", err
	}
	return b.cookies(page)
}

// signInMany has people sign in one after the other, several at a time, and counts them.
func signInMany(ctx context.Context, page string, atATime int, how time.Duration) (n int, took time.Duration, err error) {
	transport := &http.Transport{MaxIdleConnsPerHost: atATime}
	defer transport.CloseIdleConnections()
	var (
		done  atomic.Int64
		fault = make(chan error, atATime)
		all   sync.WaitGroup
		begin = time.Now()
	)
	for range atATime {
		all.Go(func() {
			for time.Since(begin) < how {
				b, err := newBrowser(transport)
				if err == nil {
					err = b.signIn(ctx, page)
				}
				if err != nil {
					fault <- err
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	took = time.Since(begin)
	close(fault)
	return int(done.Load()), took, <-fault
}
