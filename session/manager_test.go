package session

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/identity"
)

func alice() identity.Identity {
	return identity.Identity{Issuer: "https://op.example", Subject: "alice", Email: "alice@example.com", EmailVerified: true}
}

// clock is a clock that moves when told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rig is a Manager with what a test wants to look at.
type rig struct {
	*Manager
	clock *clock
	store *keptStore
}

// keptStore is a memory store without expiry of its own, so that the Manager's
// limits are what is tested, and with failures on demand.
type keptStore struct {
	*Memory // groups and the feed
	mu      sync.Mutex
	records map[string][]byte
	ttls    map[string]time.Duration
	fail    error
	writes  int
}

func (s *keptStore) do(write bool, f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	if write {
		s.writes++
	}
	return f()
}

func (s *keptStore) Get(_ context.Context, key string) (value []byte, err error) {
	err = s.do(false, func() error {
		v, ok := s.records[key]
		if !ok {
			return ErrNone
		}
		value = bytes.Clone(v)
		return nil
	})
	return value, err
}

func (s *keptStore) Put(_ context.Context, key string, value []byte, ttl time.Duration) error {
	return s.do(true, func() error {
		s.records[key], s.ttls[key] = bytes.Clone(value), ttl
		return nil
	})
}

func (s *keptStore) Replace(_ context.Context, key string, value []byte, ttl time.Duration) error {
	return s.do(true, func() error {
		if _, ok := s.records[key]; !ok {
			return ErrNone
		}
		s.records[key], s.ttls[key] = bytes.Clone(value), ttl
		return nil
	})
}

func (s *keptStore) Extend(_ context.Context, key string, ttl time.Duration) error {
	return s.do(true, func() error {
		if _, ok := s.records[key]; !ok {
			return ErrNone
		}
		s.ttls[key] = ttl
		return nil
	})
}

func (s *keptStore) PutIfAbsent(context.Context, string, []byte, time.Duration) (bool, error) {
	return false, errors.New("not the Manager's business")
}

func (s *keptStore) Revoke(_ context.Context, keys ...string) error {
	return s.do(true, func() error {
		for _, key := range keys {
			delete(s.records, key)
		}
		s.Tell(keys)
		return nil
	})
}

func newRig(t testing.TB, public string, limits Limits) rig {
	t.Helper()
	r := rig{clock: &clock{now: time.UnixMilli(1_790_000_000_000)}, store: &keptStore{Memory: NewMemory(1000), records: map[string][]byte{}, ttls: map[string]time.Duration{}}}
	t.Cleanup(func() { r.store.Memory.Close() })
	r.Manager = NewManager(Options{
		Store: r.store, Keys: keys(t, secretA), Live: &Live{}, Audience: public, Limits: limits, Now: r.clock.Now,
	})
	return r
}

// restart begins anew on the same store, as another process would: with no copies,
// and with changed options.
func (r *rig) restart(change func(*Options)) {
	o := r.Options
	if change != nil {
		change(&o)
	}
	r.Manager = NewManager(o)
}

// signIn creates a session and returns the browser's cookie.
func (r rig) signIn(t testing.TB, id identity.Identity, before ...*http.Cookie) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	if _, err := r.Create(w, request(before...), SignIn{Identity: id}); err != nil {
		t.Fatal(err)
	}
	return w.Result().Cookies()[0]
}

func request(cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

const public = "https://app.example"

func TestSessionIsFoundByItsCookieAlone(t *testing.T) {
	r := newRig(t, public, Limits{Max: time.Hour})
	c := r.signIn(t, alice())
	s, err := r.Find(request(c))
	if err != nil || s.Identity.Email != "alice@example.com" {
		t.Fatalf("Find: %+v, %v", s, err)
	}
	if _, err := r.Find(request()); !errors.Is(err, ErrNone) {
		t.Errorf("no cookie: %v, want ErrNone", err)
	}
}

// SEC-SESS-05, SEC-OUT-03: what the cookie promises, set and cleared alike.
func TestCookieAttributes(t *testing.T) {
	for _, tt := range []struct {
		public, name string
		secure       bool
	}{{"https://app.example", "__Host-sidegate", true}, {"http://localhost:8080", "sidegate", false}} {
		r := newRig(t, tt.public, Limits{Max: time.Hour})
		w := httptest.NewRecorder()
		if _, err := r.Create(w, request(), SignIn{Identity: alice()}); err != nil {
			t.Fatal(err)
		}
		set := w.Result().Cookies()[0]
		w = httptest.NewRecorder()
		if _, err := r.End(w, request(set)); err != nil {
			t.Fatal(err)
		}
		cleared := w.Result().Cookies()[0]
		for what, c := range map[string]*http.Cookie{"set": set, "cleared": cleared} {
			if c.Name != tt.name || c.Secure != tt.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				t.Errorf("%s, %s: %+v", tt.public, what, c)
			}
		}
		if set.MaxAge != 3600 || cleared.MaxAge != -1 || cleared.Value != "" {
			t.Errorf("%s: set for %d s, cleared with %d and %q", tt.public, set.MaxAge, cleared.MaxAge, cleared.Value)
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Error("an answer with our cookie can be cached")
		}
	}
}

// SEC-SESS-01: tokens are 256 random bits: no repeats, and no bit leans.
func TestTokensAreRandom(t *testing.T) {
	const n = 100_000
	seen := make(map[Token]bool, n)
	var ones [256]int
	for range n {
		token := NewToken()
		if seen[token] {
			t.Fatal("a token came twice")
		}
		seen[token] = true
		for bit := range ones {
			ones[bit] += int(token[bit/8]>>(bit%8)) & 1
		}
	}
	for bit, count := range ones {
		if count < n*48/100 || count > n*52/100 { // 12 standard deviations
			t.Errorf("bit %d is one in %d of %d tokens", bit, count, n)
		}
	}
}

// SEC-SESS-02: every change of any character, and every second spelling.
func TestChangedCookieFindsNothing(t *testing.T) {
	r := newRig(t, public, Limits{Max: time.Hour})
	c := r.signIn(t, alice())
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range c.Value {
		for _, letter := range alphabet {
			changed := *c
			changed.Value = c.Value[:i] + string(letter) + c.Value[i+1:]
			if changed.Value == c.Value {
				continue
			}
			if _, err := r.Find(request(&changed)); !errors.Is(err, ErrNone) {
				t.Fatalf("character %d as %q: %v, want ErrNone", i, letter, err)
			}
		}
	}
}

// SEC-SESS-03, SEC-ERR-02: the store is asked for hashes of well-formed tokens
// and for nothing else.
func TestMalformedCookieNeverReachesTheStore(t *testing.T) {
	r := newRig(t, public, Limits{Max: time.Hour})
	r.store.fail = errors.New("the store was asked")
	for _, value := range []string{
		"", "x", "*", "s:*", "a\r\nDEL x", "\x00", strings.Repeat("A", 42), strings.Repeat("A", 44), strings.Repeat("A", 10_000),
		strings.Repeat("=", 43), strings.Repeat("A", 42) + "B", base64.StdEncoding.EncodeToString(make([]byte, 32)),
	} {
		req := request()
		req.Header.Set("Cookie", "__Host-sidegate="+value)
		if _, err := r.Find(req); !errors.Is(err, ErrNone) {
			t.Errorf("%.50q: %v, want ErrNone", value, err)
		}
	}
}

// SEC-SESS-04: an identifier never survives a sign-in.
func TestSignInMakesANewSessionAndEndsTheOld(t *testing.T) {
	r := newRig(t, public, Limits{Max: time.Hour})
	first := r.signIn(t, alice())
	planted := &http.Cookie{Name: first.Name, Value: NewToken().Cookie()}
	second := r.signIn(t, alice(), first, planted)
	if second.Value == first.Value || second.Value == planted.Value {
		t.Error("the identifier of before the sign-in was kept")
	}
	for _, old := range []*http.Cookie{first, planted} {
		if _, err := r.Find(request(old)); !errors.Is(err, ErrNone) {
			t.Errorf("an identifier of before the sign-in: %v, want ErrNone", err)
		}
	}
}

// SEC-SESS-07: who reads the store learns no cookie, address or name.
func TestStoreHoldsNothingReadable(t *testing.T) {
	r := newRig(t, public, Limits{Max: time.Hour})
	c := r.signIn(t, alice())
	raw, _ := base64.RawURLEncoding.DecodeString(c.Value)
	for key, value := range r.store.records {
		dump := key + string(value)
		for _, secret := range []string{c.Value, string(raw), fmt.Sprintf("%x", raw), "alice", "example.com", "op.example", secretA} {
			if strings.Contains(dump, secret) {
				t.Errorf("the store holds %q", secret)
			}
		}
		if ttl := r.store.ttls[key]; ttl <= 0 || ttl > time.Hour {
			t.Errorf("lifetime %s", ttl)
		}
	}
}

// A writer of the store cannot make a session, nor move one to another cookie.
func TestRecordOfOneCookieIsNoneForAnother(t *testing.T) {
	r := newRig(t, public, Limits{Max: time.Hour})
	a, b := r.signIn(t, alice()), r.signIn(t, identity.Identity{Issuer: "https://op.example", Subject: "bob"})
	ta, _ := ParseToken(a.Value)
	tb, _ := ParseToken(b.Value)
	r.store.records[tb.key(public)] = r.store.records[ta.key(public)]
	r.restart(nil)
	if _, err := r.Find(request(b)); !errors.Is(err, ErrNone) {
		t.Errorf("bob's cookie with alice's record: %v, want ErrNone", err)
	}
}

// SEC-SESS-15: another app on the same store, with the same secret.
func TestCookieOfAnotherAppFindsNothing(t *testing.T) {
	a := newRig(t, "https://a.example", Limits{Max: time.Hour})
	b := newRig(t, "https://b.example", Limits{Max: time.Hour})
	b.restart(func(o *Options) { o.Store = a.store })
	c := a.signIn(t, alice())
	if _, err := b.Find(request(c)); !errors.Is(err, ErrNone) {
		t.Errorf("%v, want ErrNone", err)
	}
	if _, err := b.End(httptest.NewRecorder(), request(c)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Find(request(c)); err != nil {
		t.Errorf("one app signed people out of the other: %v", err)
	}
}

// SEC-SESS-10, SEC-SESS-18, SEC-SESS-19: a record that cannot be read is a
// sign-in, once, and never an error.
func TestUnreadableRecordIsAbsence(t *testing.T) {
	r := newRig(t, public, Limits{Max: time.Hour})
	c := r.signIn(t, alice())
	token, _ := ParseToken(c.Value)
	key := token.key(public)
	good := r.store.records[key]
	newer := bytes.Clone(good)
	newer[0] = recordFormat + 1
	front, _, _ := split(good)
	seal := func(plain string) []byte {
		sealed, _ := r.Keys.Seal(recordPurpose, r.sealer.bind(token[:]), []byte(plain))
		return append(append(binary.AppendUvarint([]byte{recordFormat}, uint64(len(front))), front...), sealed...)
	}
	now := r.clock.Now().UnixMilli()
	for name, record := range map[string][]byte{
		"newer": newer, "cut": good[:20], "cut in the length": {recordFormat, 0xff}, "longer than it is": {recordFormat, 200, 1}, "empty": nil,
		"not JSON": seal("{"), "nobody": seal(fmt.Sprintf(`{"created":%d,"seen":%[1]d}`, now)), "of another format": good[1:],
	} {
		r.store.records[key] = record
		r.restart(nil)
		if _, err := r.Find(request(c)); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v, want ErrNone", name, err)
		}
	}
	r.store.records[key] = good
	r.restart(func(o *Options) { o.Keys = keys(t, secretB, secretA) })
	if _, err := r.Find(request(c)); err != nil {
		t.Errorf("after rotation: %v", err)
	}
	r.restart(func(o *Options) { o.Keys = keys(t, secretB) })
	if _, err := r.Find(request(c)); !errors.Is(err, ErrNone) {
		t.Errorf("after the old secret was retired: %v, want ErrNone", err)
	}
}

// SEC-SESS-11: a cookie that somebody tossed in locks nobody out, in either order.
func TestTossedCookieDoesNotHideTheOwn(t *testing.T) {
	r := newRig(t, "http://localhost:8080", Limits{Max: time.Hour})
	good := r.signIn(t, alice())
	for name, header := range map[string]string{
		"bad first":     "sidegate=" + NewToken().Cookie() + "; sidegate=" + good.Value,
		"good first":    "sidegate=" + good.Value + "; sidegate=" + NewToken().Cookie(),
		"garbage first": "sidegate=x; sidegate=; sidegate=y; sidegate=" + good.Value,
		"old dialect":   "$Version=1; sidegate=" + good.Value,
	} {
		req := request()
		req.Header.Set("Cookie", header)
		if s, err := r.Find(req); err != nil || s.Identity.Subject != "alice" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, header := range map[string]string{
		"other case": "Sidegate=" + good.Value, "nameless": "=sidegate=" + good.Value,
		"wide space": "\u2000sidegate=" + good.Value, "prefix": "__Host-sidegate=" + good.Value,
	} {
		req := request()
		req.Header.Set("Cookie", header)
		if _, err := r.Find(req); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v, want ErrNone", name, err)
		}
	}
}

// SEC-SESS-13: idle and absolute limits, to the second; sliding never passes the
// absolute one.
func TestLimits(t *testing.T) {
	r := newRig(t, public, Limits{Idle: 20 * time.Second, Max: 60 * time.Second})
	c := r.signIn(t, alice())
	alive := func(want bool, when string) {
		t.Helper()
		s, err := r.Find(request(c))
		if got := err == nil; got != want {
			t.Fatalf("%s: found %v, want %v (%v)", when, got, want, err)
		}
		if err == nil {
			if _, err := r.Touch(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.clock.advance(19 * time.Second)
	alive(true, "a second before the idle limit")
	r.clock.advance(19 * time.Second)
	alive(true, "19 s after activity")
	r.clock.advance(19 * time.Second)
	alive(true, "57 s after sign-in")
	r.clock.advance(2900 * time.Millisecond)
	alive(true, "just before the absolute limit")
	r.clock.advance(200 * time.Millisecond)
	alive(false, "just after the absolute limit")

	c = r.signIn(t, alice())
	r.clock.advance(21 * time.Second)
	alive(false, "a second after the idle limit")
}

func TestNoIdleLimitMeansNone(t *testing.T) {
	r := newRig(t, public, Limits{Max: 100 * time.Hour})
	c := r.signIn(t, alice())
	r.clock.advance(99 * time.Hour)
	s, err := r.Find(request(c))
	if err != nil {
		t.Fatal(err)
	}
	if s.Expires != s.Ends {
		t.Errorf("expires %s, ends %s: without idle limit they are one", s.Expires, s.Ends)
	}
}

// A shorter limit applies to sessions that began under a longer one.
func TestLimitsAreThoseInForce(t *testing.T) {
	r := newRig(t, public, Limits{Max: 100 * time.Hour})
	c := r.signIn(t, alice())
	r.clock.advance(2 * time.Hour)
	r.restart(func(o *Options) { o.Limits.Max = time.Hour })
	if _, err := r.Find(request(c)); !errors.Is(err, ErrNone) {
		t.Errorf("%v, want ErrNone", err)
	}
}

// SEC-SESS-20: a clock that jumps back gives no lifetime that a store refuses.
func TestClockThatJumpsBackKeepsLifetimesPositive(t *testing.T) {
	r := newRig(t, public, Limits{Idle: time.Hour, Max: 2 * time.Hour})
	c := r.signIn(t, alice())
	r.clock.advance(-30 * time.Minute)
	if _, err := r.Find(request(c)); err != nil {
		t.Fatalf("after the jump: %v", err)
	}
	for _, ttl := range r.store.ttls {
		if ttl <= 0 {
			t.Errorf("lifetime %s", ttl)
		}
	}
}

func TestActivityIsWrittenInCoarseSteps(t *testing.T) {
	r := newRig(t, public, Limits{Idle: 12 * time.Hour, Max: 168 * time.Hour})
	c := r.signIn(t, alice())
	before := r.store.writes
	for range 600 { // ten minutes of a request a second
		r.clock.advance(time.Second)
		s, err := r.Find(request(c))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Touch(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.store.writes - before; got != 10 {
		t.Errorf("%d writes in ten minutes, want one a minute", got)
	}
}

// A touch that was on its way when the person signed out does not bring the
// session back.
func TestLateTouchDoesNotBringBackAnEndedSession(t *testing.T) {
	r := newRig(t, public, Limits{Idle: time.Hour, Max: 2 * time.Hour})
	c := r.signIn(t, alice())
	s, _ := r.Find(request(c))
	if _, err := r.End(httptest.NewRecorder(), request(c)); err != nil {
		t.Fatal(err)
	}
	r.clock.advance(10 * time.Minute)
	if _, err := r.Touch(t.Context(), s); !errors.Is(err, ErrNone) {
		t.Errorf("Touch: %v, want ErrNone", err)
	}
	if _, err := r.Find(request(c)); !errors.Is(err, ErrNone) {
		t.Errorf("Find: %v, want ErrNone", err)
	}
}

// SEC-OUT-01, SEC-OUT-06: signed out means gone; a store that fails means not
// signed out, and the cookie stays.
func TestEndTellsTheTruth(t *testing.T) {
	r := newRig(t, public, Limits{Max: time.Hour})
	c := r.signIn(t, alice())
	r.store.fail = errors.New("down")
	w := httptest.NewRecorder()
	if _, err := r.End(w, request(c)); err == nil || len(w.Result().Cookies()) != 0 {
		t.Errorf("store down: %v, cookies %v", err, w.Result().Cookies())
	}
	r.store.fail = nil
	if _, err := r.End(httptest.NewRecorder(), request(c)); err != nil {
		t.Fatal(err)
	}
	if len(r.store.records) != 0 {
		t.Error("the record is still there")
	}
}

// SEC-ERR-03, FLT-01: a store that cannot say is neither absence nor presence.
func TestStoreFailureIsNotAbsence(t *testing.T) {
	r := newRig(t, public, Limits{Max: time.Hour})
	c := r.signIn(t, alice())
	r.store.fail = errors.New("down")
	r.restart(nil)
	if _, err := r.Find(request(c)); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("Find: %v, want a failure that is not ErrNone", err)
	}
	if _, err := r.Create(httptest.NewRecorder(), request(), SignIn{Identity: alice()}); err == nil {
		t.Error("a session was made in a store that is down")
	}
}

func TestNobodyGetsASession(t *testing.T) {
	r := newRig(t, public, Limits{Max: time.Hour})
	if _, err := r.Create(httptest.NewRecorder(), request(), SignIn{Identity: identity.Identity{Email: "a@example.com"}}); err == nil {
		t.Error("a session for nobody")
	}
}

// Ending a session, and replacing it, ends what was opened under it.
func TestConnectionsEndWithTheirSession(t *testing.T) {
	r := newRig(t, public, Limits{Max: time.Hour})
	a, b := r.signIn(t, alice()), r.signIn(t, alice())
	ended := make(map[string]Reason)
	for name, c := range map[string]*http.Cookie{"a": a, "b": b} {
		s, err := r.Find(request(c))
		if err != nil {
			t.Fatal(err)
		}
		r.Live.Add(s, func(why Reason) { ended[name] = why })
	}
	if _, err := r.End(httptest.NewRecorder(), request(a)); err != nil {
		t.Fatal(err)
	}
	if len(ended) != 1 || ended["a"] != Ended() {
		t.Errorf("after a signed out: %v", ended)
	}
	r.signIn(t, alice(), b)
	if ended["b"] != Ended() {
		t.Errorf("after b signed in anew: %v", ended)
	}
}

func TestTokenNeverPrints(t *testing.T) {
	token := NewToken()
	s := Session{token: token}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if out := fmt.Sprintf(verb, token); strings.Contains(out, token.Cookie()) || out != "[token]" {
			t.Errorf("%s prints %q", verb, out)
		}
		if out := fmt.Sprintf(verb, s); strings.Contains(out, fmt.Sprint(token[0], " ", token[1], " ", token[2])) {
			t.Errorf("a session's %s prints %q", verb, out)
		}
	}
}

func FuzzCookie(f *testing.F) {
	for _, s := range []string{"", "sidegate=", "sidegate=x; sidegate=y", "=sidegate=", `sidegate="` + strings.Repeat("A", 43) + `"`, "$Version=1; sidegate=a"} {
		f.Add(s)
	}
	r := newRig(f, "http://localhost:8080", Limits{Max: time.Hour})
	good := r.signIn(f, alice())
	f.Fuzz(func(t *testing.T, header string) {
		req := request()
		req.Header["Cookie"] = []string{header}
		if _, err := r.Find(req); !errors.Is(err, ErrNone) && !strings.Contains(header, good.Value) {
			t.Errorf("%q: %v, want ErrNone", header, err)
		}
		// Whatever came along, the browser's own cookie is still found, as long as
		// it is among the first few of its name.
		req.Header["Cookie"] = []string{"sidegate=" + good.Value + "; " + header}
		if _, err := r.Find(req); err != nil && !strings.ContainsAny(header, "\x00\r\n") {
			t.Errorf("with %q behind: %v", header, err)
		}
	})
}
