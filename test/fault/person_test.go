package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/test/rig"
)

// door is a way in: a replica's listener or the balancer's. Everybody's requests
// through it share connections, as they do behind another proxy.
type door struct {
	address, host string
	client        *http.Client
	via           string // network of address; empty: tcp
}

func (s *site) door(address string) *door {
	d := &door{address: address, host: s.host()}
	d.client = &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return d.dial(ctx) },
			MaxIdleConnsPerHost: 500, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	s.t.Cleanup(d.client.CloseIdleConnections)
	return d
}

func (d *door) dial(ctx context.Context) (net.Conn, error) {
	network := d.via
	if network == "" {
		network = "tcp"
	}
	return (&net.Dialer{}).DialContext(ctx, network, d.address)
}

// answer is one that was read to its end.
type answer struct {
	*http.Response
	body string
}

// noAnswer goes with an error, and can be printed.
func noAnswer() answer { return answer{Response: &http.Response{Status: "no answer"}} }

// kind says what a browser is doing when it asks.
type kind string

const (
	pageLoad kind = "navigate"
	script   kind = "cors"
)

// ask sends one GET, with a person's cookies unless p is nil.
func (d *door) ask(ctx context.Context, p *person, k kind, path string) (answer, error) {
	return d.send(ctx, p, k, http.MethodGet, path)
}

func (d *door) send(ctx context.Context, p *person, k kind, method, path string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+d.host+path, nil)
	if err != nil {
		return noAnswer(), err
	}
	r.Header.Set("Sec-Fetch-Mode", string(k))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Accept", "text/html")
	if method == http.MethodPost {
		r.Header.Set("Origin", "http://"+d.host)
	}
	if p != nil {
		if cookies := p.cookies(); cookies != "" {
			r.Header.Set("Cookie", cookies)
		}
	}
	resp, err := d.client.Do(r)
	if err != nil {
		return noAnswer(), err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp, string(body)}, err
}

// socket opens the app's WebSocket. deadline bounds the handshake.
func (d *door) socket(ctx context.Context, p *person, path string) (*rig.Socket, error) {
	conn, err := d.dial(ctx)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	s, err := rig.OpenSocket(conn, path, http.Header{"Host": {d.host}, "Origin": {"http://" + d.host}, "Cookie": {p.cookies()}})
	if err == nil {
		s.SetDeadline(time.Time{})
	}
	return s, err
}

// person is somebody with a browser: it keeps sidegate's cookies.
type person struct {
	name, email string

	mu  sync.Mutex
	jar map[string]string
}

func newPerson(name string) *person {
	return &person{name: name, email: name + "@example.com", jar: make(map[string]string)}
}

func (p *person) cookies() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for name, value := range p.jar {
		all = append(all, name+"="+value)
	}
	return strings.Join(all, "; ")
}

func (p *person) keep(cookies []*http.Cookie) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range cookies {
		if c.MaxAge < 0 {
			delete(p.jar, c.Name)
		} else {
			p.jar[c.Name] = c.Value
		}
	}
}

func (p *person) signedIn() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.jar["sidegate"] != ""
}

// begin starts a sign-in and returns where the provider sends the browser back to.
func (p *person) begin(ctx context.Context, d *door) (callback string, err error) {
	started, err := d.ask(ctx, p, pageLoad, "/_gate/login?rd=%2Fwho")
	if err != nil {
		return "", err
	}
	p.keep(started.Cookies())
	to, err := started.Location()
	if err != nil {
		return "", errors.Join(storeAway(started), fmt.Errorf("sign-in began with %s %.200q", started.Status, started.body))
	}
	q := to.Query()
	q.Set("as", p.name)
	to.RawQuery = q.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		return "", fmt.Errorf("the provider answered %s", resp.Status)
	}
	return back.RequestURI(), nil
}

// finish ends a sign-in that was begun, through any door.
func (p *person) finish(ctx context.Context, d *door, callback string) error {
	done, err := d.ask(ctx, p, pageLoad, callback)
	if err != nil {
		return err
	}
	p.keep(done.Cookies())
	if to, err := done.Location(); err != nil || to.Path != "/who" || !p.signedIn() {
		return errors.Join(storeAway(done), fmt.Errorf("sign-in ended with %s %.300q", done.Status, done.body))
	}
	return nil
}

func (p *person) signIn(ctx context.Context, d *door) error {
	callback, err := p.begin(ctx, d)
	if err != nil {
		return err
	}
	return p.finish(ctx, d, callback)
}

// signOut presses the button.
func (p *person) signOut(ctx context.Context, d *door) error {
	got, err := d.send(ctx, p, pageLoad, http.MethodPost, "/_gate/logout")
	if err != nil {
		return err
	}
	if got.StatusCode >= 400 {
		return fmt.Errorf("sign-out: %s %.300q", got.Status, got.body)
	}
	return nil
}

// crowd signs n people in, through the doors in turn, a few at a time.
func crowd(t testing.TB, n int, doors ...*door) []*person {
	t.Helper()
	people := make([]*person, n)
	for i := range people {
		people[i] = newPerson(fmt.Sprintf("person-%d", i))
	}
	if err := together(8, people, func(i int, p *person) error {
		return patiently(func() error { return p.signIn(t.Context(), doors[i%len(doors)]) })
	}); err != nil {
		t.Fatal(err)
	}
	return people
}

// errStore is the 503 of a store that did not answer in time. On a busy machine that
// can happen to a healthy one, and costs nobody anything: the page reloads itself.
var errStore = errors.New("the store is away")

// patiently does something again, for a while, as long as it is the store.
func patiently(do func() error) error {
	for giveUp := time.Now().Add(10 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if err := do(); !errors.Is(err, errStore) || time.Now().After(giveUp) {
			return err
		}
	}
}

// storeAway returns errStore if that is what an answer says.
func storeAway(a answer) error {
	if a.StatusCode == http.StatusServiceUnavailable && (strings.Contains(a.body, "look up sign-ins") || strings.Contains(a.body, "keep your sign-in")) {
		return errStore
	}
	return nil
}

// together does something for all, at most width at a time, and returns the first
// few errors.
func together[T any](width int, all []T, do func(i int, one T) error) error {
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		errs    []error
		slots   = make(chan struct{}, width)
	)
	for i, one := range all {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			if err := do(i, one); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if len(errs) < 5 {
					errs = append(errs, err)
				}
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// wantServed fails the test unless everybody is served, as themselves, without a
// new sign-in. It returns how many were not.
func wantServed(t testing.TB, people []*person, doors ...*door) (lost int) {
	t.Helper()
	var mu sync.Mutex
	err := together(8, people, func(i int, p *person) error {
		err := patiently(func() error { return p.served(t.Context(), doors[i%len(doors)]) })
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			lost++
		}
		return err
	})
	if err != nil {
		t.Errorf("%d of %d are not served: %v", lost, len(people), err)
	}
	return lost
}

func (p *person) served(ctx context.Context, d *door) error {
	got, err := d.ask(ctx, p, pageLoad, "/who?n=1")
	if err != nil {
		return err
	}
	if got.StatusCode != http.StatusOK || got.body != whoSays(p.email, "1") || len(got.Cookies()) > 0 {
		return errors.Join(storeAway(got), fmt.Errorf("%s got %s to %q, cookies %v: %.200q", p.name, got.Status, got.Header.Get("Location"), got.Cookies(), got.body))
	}
	return nil
}
