package session

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func keys(t testing.TB, secrets ...string) Keys {
	t.Helper()
	k, err := NewKeys(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const (
	secretA = "a-secret-of-more-than-32-bytes-0123456789"
	secretB = "b-secret-of-more-than-32-bytes-0123456789"
)

func TestSealedOpensForTheSamePurposeAndHolderOnly(t *testing.T) {
	k := keys(t, secretA)
	sealed, err := k.Seal("session", []byte("holder"), []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Open("session", []byte("holder"), sealed); err != nil || string(got) != "plain" {
		t.Fatalf("Open: %q, %v", got, err)
	}
	for _, tt := range []struct{ purpose, bind string }{
		{"state", "holder"}, {"session", "other"}, {"session", ""}, {"sessio", "nholder"}, {"session 6:holder", ""},
	} {
		if _, err := k.Open(tt.purpose, []byte(tt.bind), sealed); !errors.Is(err, ErrSealed) {
			t.Errorf("purpose %q, holder %q: %v, want ErrSealed", tt.purpose, tt.bind, err)
		}
	}
}

// SEC-SESS-02: every bit counts.
func TestSealedWithAnyBitChangedDoesNotOpen(t *testing.T) {
	k := keys(t, secretA)
	sealed, _ := k.Seal("session", nil, []byte("plain"))
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			if _, err := k.Open("session", nil, changed); !errors.Is(err, ErrSealed) {
				t.Fatalf("byte %d bit %d: %v, want ErrSealed", i, bit, err)
			}
		}
	}
	for n := range sealed {
		if _, err := k.Open("session", nil, sealed[:n]); !errors.Is(err, ErrSealed) {
			t.Fatalf("cut to %d bytes: %v, want ErrSealed", n, err)
		}
	}
}

// SEC-SESS-09: one value sealed twice is two values, each naming its key.
func TestSealingIsNeverTheSameTwice(t *testing.T) {
	k := keys(t, secretA)
	seen := make(map[string]bool)
	for range 1000 {
		sealed, _ := k.Seal("session", nil, []byte("plain"))
		salt := string(sealed[1+keyIDSize : sealHeader])
		if seen[salt] {
			t.Fatal("a salt came twice")
		}
		seen[salt] = true
	}
	a, _ := keys(t, secretA).Seal("session", nil, nil)
	b, _ := keys(t, secretB).Seal("session", nil, nil)
	if bytes.Equal(a[1:1+keyIDSize], b[1:1+keyIDSize]) {
		t.Error("two secrets share a key id")
	}
}

// SEC-SESS-10: old secrets open, the new one seals.
func TestRotationOpensOldAndSealsNew(t *testing.T) {
	old, _ := keys(t, secretA).Seal("session", nil, []byte("plain"))
	both := keys(t, secretB, secretA)
	if got, err := both.Open("session", nil, old); err != nil || string(got) != "plain" {
		t.Fatalf("the old secret no longer opens: %v", err)
	}
	fresh, _ := both.Seal("session", nil, []byte("plain"))
	if _, err := keys(t, secretB).Open("session", nil, fresh); err != nil {
		t.Errorf("not sealed with the newest secret: %v", err)
	}
	if _, err := keys(t, secretB).Open("session", nil, old); !errors.Is(err, ErrSealed) {
		t.Errorf("a retired secret still opens: %v", err)
	}
}

func TestKeysRefuseWhatIsNoSecret(t *testing.T) {
	for _, secrets := range [][]string{nil, {""}, {strings.Repeat("x", 31)}, {secretA, "short"}} {
		if _, err := NewKeys(secrets...); err == nil {
			t.Errorf("%d secrets accepted", len(secrets))
		}
	}
	if _, err := (Keys{}).Seal("session", nil, nil); err == nil {
		t.Error("the zero Keys seals")
	}
	if _, err := (Keys{}).Open("session", nil, make([]byte, 100)); !errors.Is(err, ErrSealed) {
		t.Errorf("the zero Keys: %v, want ErrSealed", err)
	}
}

// Replicas derive the same, each secret and purpose its own, the newest first.
func TestDerivedBytesFollowSecretsAndPurpose(t *testing.T) {
	derive := func(k Keys, purpose string) [][]byte {
		t.Helper()
		got, err := k.Derive(purpose, 32)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	both := derive(keys(t, secretB, secretA), "p")
	onlyA, onlyB := derive(keys(t, secretA), "p"), derive(keys(t, secretB), "p")
	if len(both) != 2 || len(onlyA) != 1 || !bytes.Equal(both[0], onlyB[0]) || !bytes.Equal(both[1], onlyA[0]) {
		t.Errorf("got %x, want %x then %x", both, onlyB, onlyA)
	}
	seen := map[string]string{string(onlyA[0]): "p", string(onlyB[0]): "p of another secret"}
	k := keys(t, secretA)
	others := map[string][]byte{"the names' key": k.list()[0].names, "the secret": []byte(secretA)[:32]}
	for _, purpose := range []string{"", "q", "pp", "1:p", "sidegate names"} {
		others["purpose "+purpose] = derive(k, purpose)[0]
	}
	for what, b := range others {
		if before, twice := seen[string(b)]; twice {
			t.Errorf("%s equals %s", what, before)
		}
		seen[string(b)] = what
	}
	if got, err := (Keys{}).Derive("p", 32); len(got) != 0 || err != nil {
		t.Errorf("the zero Keys derives %x, %v", got, err)
	}
}

func TestInForceChangesWithTheSecrets(t *testing.T) {
	k := keys(t, secretA)
	before := k.InForce()
	if err := k.Replace("short"); err == nil || k.InForce() != before {
		t.Errorf("a refused secret (%v) changed what is in force", err)
	}
	copied := k
	if err := k.Replace(secretB, secretA); err != nil || copied.InForce() == before {
		t.Errorf("Replace: %v; a copy does not notice", err)
	}
	if (Keys{}).InForce() != nil {
		t.Error("the zero Keys has something in force")
	}
}
