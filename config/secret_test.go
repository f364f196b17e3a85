package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretNeverPrints(t *testing.T) {
	const canary = "canary-canary"
	s := NewSecret(canary)
	exported := struct {
		S    Secret
		P    *Secret
		List []Secret
		Map  map[string]Secret
		Any  any
	}{s, &s, []Secret{s}, map[string]Secret{"k": s}, s}
	hidden := struct{ s Secret }{s}

	var b bytes.Buffer
	for _, v := range []any{s, &s, exported, hidden} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%20s", "%T"} {
			fmt.Fprintf(&b, verb+"\n", v)
		}
		fmt.Fprintln(&b, errors.Join(fmt.Errorf("wrapped: %v", v)), fmt.Sprint(v))
		for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
			slog.New(h).Info("m", "v", v, slog.Group("g", "v", v))
		}
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(encoded)
	}
	encoded, err := json.Marshal(map[Secret]int{s: 1})
	if err != nil {
		t.Fatal(err)
	}
	b.Write(encoded)
	b.WriteString(s.String())

	for _, leak := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
		if strings.Contains(b.String(), leak) {
			t.Errorf("%q shows in:\n%s", leak, b.String())
		}
	}
	if got := s.LogValue().String(); got != mask { // for handlers that only resolve
		t.Errorf("LogValue: got %q, want %q", got, mask)
	}
	if got := s.Reveal(); got != canary {
		t.Errorf("Reveal: got %q, want %q", got, canary)
	}
}

func TestEmptySecretPrintsNothing(t *testing.T) {
	for _, s := range []Secret{{}, NewSecret("")} {
		if got := fmt.Sprintf("%v%s%#v", s, s, s) + s.Reveal(); got != "" || !s.IsZero() {
			t.Errorf("got %q, zero %v; want nothing", got, s.IsZero())
		}
	}
	if got, want := fmt.Sprint(NewSecret("x")), "[secret]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
