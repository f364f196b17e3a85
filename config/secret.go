package config

import (
	"fmt"
	"io"
	"log/slog"
)

const mask = "[secret]"

// Secret is a text that prints as "[secret]" whatever prints it: every verb of
// fmt, log/slog, encoding/json. An empty one prints as nothing. Reveal is the
// only way out, so a search for it finds every use.
//
// The zero Secret is empty. Do not compare two with ==.
type Secret struct {
	// A pointer, because fmt calls no method on a value it finds in an unexported
	// field of somebody's struct: there it would print a string, but of a pointer
	// only the address.
	text *string
}

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text itself.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether s is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String returns the mask, or nothing for an empty secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return mask
}

// Format is asked before GoString and String, and for verbs neither covers, such
// as %x.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue keeps the text out of log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps the text out of encoding/json, as a map key as well.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
