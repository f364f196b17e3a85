package login

import (
	"encoding/base64"
	"reflect"
	"strings"
	"testing"
	"time"

	"sidegate/session"
)

func testSealer(t testing.TB, secrets string, bind string) sealer {
	t.Helper()
	keys, err := session.NewKeys(strings.Split(secrets, ",")...)
	if err != nil {
		t.Fatal(err)
	}
	return sealer{keys: keys, bind: []byte(bind)}
}

const (
	secretA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	secretB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// SEC-FLOW-04, SEC-FLOW-06: nothing but what we sealed opens, and no bit of that
// can change.
func FuzzState(f *testing.F) {
	s := testSealer(f, secretA, "issuer client")
	known, err := s.seal(newAttempt("/x?a=b&c", session.NewToken(), time.Now()))
	if err != nil {
		f.Fatal(err)
	}
	for _, state := range []string{"", "A", "====", known[:len(known)-1], known + "A", known + "=", strings.ToLower(known), "\n", "e30", strings.Repeat("A", 43)} {
		f.Add(state, "/", uint(0))
	}
	for bit := range uint(16) {
		f.Add("", "/x?<&>\"\\\u2028", bit)
	}
	f.Fuzz(func(t *testing.T, state, returnTo string, bit uint) {
		if a, ok := s.open(state); ok || !reflect.DeepEqual(a, attempt{}) {
			t.Errorf("%q opened to %+v", state, a)
		}
		a := newAttempt(strings.ToValidUTF8(returnTo, "?"), session.NewToken(), time.Unix(int64(bit), 0))
		sealed, err := s.seal(a)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := s.open(sealed); !ok || !reflect.DeepEqual(got, a) {
			t.Errorf("opened to %+v, want %+v", got, a)
		}
		changed := []byte(sealed)
		changed[bit/8%uint(len(changed))] ^= 1 << (bit % 8)
		if _, ok := s.open(string(changed)); ok {
			t.Errorf("opened with bit %d changed", bit)
		}
	})
}

// Every bit, once: the last character of base64 has some that carry nothing.
func TestStateWithOneBitChangedDoesNotOpen(t *testing.T) { // SEC-FLOW-04
	s := testSealer(t, secretA, "issuer client")
	for _, returnTo := range []string{"/", "/a", "/ab"} { // each remainder of base64
		state, err := s.seal(newAttempt(returnTo, session.NewToken(), time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := s.open(state + "!"); ok {
			t.Errorf("opened with a character more")
		}
		for bit := range 8 * len(state) {
			changed := []byte(state)
			changed[bit/8] ^= 1 << (bit % 8)
			if _, ok := s.open(string(changed)); ok {
				t.Errorf("opened with bit %d of %d changed", bit, 8*len(state))
			}
		}
	}
}

// FLT-27, and mix-up (RFC 9700 4.4): a state belongs to one server's secrets and
// to one client at one issuer.
func TestStateOpensOnlyWhereItWasSealed(t *testing.T) {
	here := testSealer(t, secretA, "issuer client")
	state, err := here.seal(newAttempt("/", session.NewToken(), time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		sealer sealer
		want   bool
	}{
		"here":                 {here, true},
		"rotated secret":       {testSealer(t, secretB+","+secretA, "issuer client"), true},
		"another secret":       {testSealer(t, secretB, "issuer client"), false},
		"another issuer":       {testSealer(t, secretA, "other client"), false},
		"no secret":            {sealer{bind: here.bind}, false},
		"the session's sealer": {sealer{keys: here.keys}, false},
	} {
		if _, ok := tt.sealer.open(state); ok != tt.want {
			t.Errorf("%s: opened %v, want %v", name, ok, tt.want)
		}
	}
	session, err := here.keys.Seal("session", here.bind, []byte(`{"s":"`+base64.StdEncoding.EncodeToString(make([]byte, 32))+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := here.open(base64.RawURLEncoding.EncodeToString(session)); ok {
		t.Error("what was sealed for another purpose opened as a state")
	}
}

// A state without a seed would have a nonce and a verifier that anybody can compute.
func TestStateOfAnotherFormatDoesNotOpen(t *testing.T) {
	s := testSealer(t, secretA, "issuer client")
	for _, plain := range []string{"{}", "[]", "", "null", `{"s":"AAAA"}`, `{"seed":"x"}`, `{"s":1}`} {
		sealed, err := s.keys.Seal(statePurpose, s.bind, []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		if a, ok := s.open(base64.RawURLEncoding.EncodeToString(sealed)); ok {
			t.Errorf("%s opened to %+v", plain, a)
		}
	}
}

// SEC-FLOW-09: what is derived of one seed tells nothing of each other.
func TestDerivedValuesDiffer(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		a := newAttempt("/", session.NewToken(), time.Now())
		for _, v := range []string{a.verifier(), a.nonce(), strings.TrimPrefix(a.usedKey(), "a:")} {
			if len(v) != 43 || seen[v] {
				t.Fatalf("value of %d characters, seen before: %v", len(v), seen[v])
			}
			seen[v] = true
		}
	}
}

// SEC-FLOW-12: to the second, in both directions.
func TestAttemptIsLateAfterItsLife(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, tt := range []struct {
		age  time.Duration
		want bool
	}{
		{0, false}, {attemptLife, false}, {attemptLife + time.Second, true}, {24 * time.Hour, true},
		{-clockSkew, false}, {-clockSkew - time.Second, true},
	} {
		if got := newAttempt("/", session.NewToken(), now.Add(-tt.age)).late(now); got != tt.want {
			t.Errorf("age %v: late %v, want %v", tt.age, got, tt.want)
		}
	}
	if !(attempt{}).late(now) {
		t.Error("the zero attempt is not late")
	}
}

func TestAttemptBelongsToTheBrowserThatBeganIt(t *testing.T) { // SEC-FLOW-02, -03
	own, other := session.NewToken(), session.NewToken()
	a := newAttempt("/", own, time.Now())
	if !a.begunBy(own) || a.begunBy(other) || a.begunBy(session.Token{}) {
		t.Error("the binding does not tell browsers apart")
	}
	for _, b := range [][]byte{nil, a.Binding[:31], make([]byte, 32)} {
		if (attempt{Binding: b}).begunBy(own) {
			t.Errorf("a binding of %d bytes is anybody's", len(b))
		}
	}
}
