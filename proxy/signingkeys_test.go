package proxy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sidegate/identity"
	"sidegate/session"
)

// A number that is no key is not taken, and the next one is.
func TestKeysAreMadeOfTheFirstNumberThatIsOne(t *testing.T) {
	var asked []string
	one := make([]byte, 32)
	one[31] = 1
	keys, err := privateKeys(func(purpose string, size int) ([][]byte, error) {
		asked = append(asked, purpose)
		if len(asked) == 1 {
			return [][]byte{one, make([]byte, size), []byte(strings.Repeat("\xff", size))}, nil
		}
		three := append([]byte(nil), one...)
		three[31] = 3
		return [][]byte{three, three, one}, nil
	})
	if err != nil || len(keys) != 3 || fmt.Sprint(asked) != "[assertion key 0 assertion key 1]" {
		t.Fatalf("%d keys of %q, %v", len(keys), asked, err)
	}
	for i, want := range []byte{1, 3, 1} {
		if raw, err := keys[i].Bytes(); err != nil || raw[31] != want {
			t.Errorf("key %d is %x, %v; want %d", i, raw, err, want)
		}
	}
	if _, err := NewAssertions("https://app.example", session.Keys{}, time.Now); err == nil {
		t.Error("keys are made of no secret")
	}
	if _, err := privateKeys(func(string, int) ([][]byte, error) { return [][]byte{make([]byte, 32)}, nil }); err == nil {
		t.Error("zero is taken for a key")
	}
}

// What is kept has a bound, however many people come within a minute.
func TestKeptAssertionsAreBounded(t *testing.T) {
	var k keptAssertions
	now := time.Now()
	signed := strings.Repeat("x", 1<<20)
	for i := range 50 {
		k.keep(identity.Identity{Issuer: "i", Subject: fmt.Sprint(i)}, signed, now)
		if got := len(k.byWho) * len(signed); got > maxKept+len(signed) {
			t.Fatalf("%d bytes are kept, at most %d should be", got, maxKept)
		}
	}
	if _, ok := k.find(identity.Identity{Issuer: "i", Subject: "49"}, now); !ok {
		t.Error("the last one is forgotten")
	}
}

func BenchmarkSign(b *testing.B) {
	keys, _ := session.NewKeys(strings.Repeat("k", 32))
	now := time.Now()
	a, err := NewAssertions("https://app.example", keys, func() time.Time { now = now.Add(time.Hour); return now })
	if err != nil {
		b.Fatal(err)
	}
	id := identity.Identity{Issuer: "https://accounts.google.com", Subject: "1", Email: "zoe@app.example"}
	b.ReportAllocs()
	for b.Loop() {
		a.For(id)
	}
}
