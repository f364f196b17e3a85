package proxy

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// encoding is how text beyond ASCII goes into a header. Whatever the encoding, no
// value holds a control character, and none begins or ends with a blank: it stays
// one value, and the one it was.
type encoding int

const (
	percent encoding = iota // percent-encoded UTF-8, where it is not printable ASCII
	latin1                  // ISO-8859-1 bytes where it has no other characters, else percent
	utf8Raw                 // UTF-8 bytes
	rfc2047                 // "Q" encoded-words (RFC 2047 4.2)
)

// encodings are the names of the encodings in the settings.
func encodings() map[string]encoding {
	return map[string]encoding{"": percent, "latin1": latin1, "utf8": utf8Raw, "rfc2047": rfc2047}
}

// encode returns s as it goes into a header.
func encode(s string, as encoding) string {
	out, _ := transcribe(s, as)
	return out
}

// encodeUnique is encode for what names a person: two never become the same.
// Somebody may have an address with a "%" in it, and must not be taken for whom that
// escape stands for.
func encodeUnique(s string, as encoding) string {
	out, escaped := transcribe(s, as)
	if escaped || as == rfc2047 {
		return out
	}
	return escapeByte(out, '%')
}

// transcribe returns s as it goes into a header, and whether by percent escapes.
func transcribe(s string, as encoding) (out string, escaped bool) {
	switch {
	case as == rfc2047 && (!plain(s) || strings.Contains(s, "=?")): // what looks like an encoded-word would be read as one
		return encodedWords(strings.ToValidUTF8(s, "\uFFFD")), false
	case plain(s), as == utf8Raw && printable(s) && !splits(s):
		return s, false
	case as == latin1 && printable(s):
		if out, ok := toLatin1(s); ok {
			return out, false
		}
	}
	return url.PathEscape(s), true
}

// plain reports whether s is printable ASCII without a blank at its ends.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}

// printable reports whether s can stand in a header in its own characters.
func printable(s string) bool {
	if !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
}

// splits reports whether the UTF-8 bytes of s could be two header fields. A reader
// that takes them for Latin-1 sees a next line (U+0085) in many a letter, and some
// have ended a field there: what follows must not look like another.
func splits(s string) bool {
	_, after, found := strings.Cut(s, "\x85")
	return found && strings.Contains(after, ":")
}

// toLatin1 returns s as one byte a character, if it can be.
func toLatin1(s string) (string, bool) {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xFF {
			return "", false
		}
		out = append(out, byte(r))
	}
	return string(out), true
}

const (
	openWord, closeWord = "=?utf-8?q?", "?="
	maxWord             = 75 - len(openWord) - len(closeWord) // RFC 2047 2
)

// encodedWords writes s as encoded-words, none longer than it may be and none
// ending within a character. Readers put them together without the blanks between.
func encodedWords(s string) string {
	var out, char strings.Builder
	out.WriteString(openWord)
	room := maxWord
	for i, size := 0, 0; i < len(s); i += size {
		_, size = utf8.DecodeRuneInString(s[i:])
		char.Reset()
		for _, b := range []byte(s[i : i+size]) {
			switch {
			case b == ' ':
				char.WriteByte('_')
			case b > ' ' && b <= '~' && !strings.ContainsRune(`=?_`, rune(b)):
				char.WriteByte(b)
			default:
				char.WriteString("=" + string(hexDigits[b>>4]) + string(hexDigits[b&15]))
			}
		}
		if char.Len() > room {
			out.WriteString(closeWord + " " + openWord)
			room = maxWord
		}
		out.WriteString(char.String())
		room -= char.Len()
	}
	return out.String() + closeWord
}

const hexDigits = "0123456789ABCDEF"

// joinGroups joins groups with a separator. It and "%" inside a name are always
// encoded: nobody who may name a group can make it look like two, or like another.
func joinGroups(groups []string, separator byte, as encoding) string {
	switch len(groups) {
	case 0:
		return ""
	case 1:
		return encodeGroup(groups[0], separator, as)
	}
	var out strings.Builder
	for _, g := range groups {
		if g == "" {
			continue
		}
		if out.Len() > 0 {
			out.WriteByte(separator)
		}
		out.WriteString(encodeGroup(g, separator, as))
	}
	return out.String()
}

func encodeGroup(g string, separator byte, as encoding) string {
	g, escaped := transcribe(g, as)
	if !escaped {
		g = escapeByte(g, '%')
	}
	return escapeByte(g, separator)
}

// escapeByte percent-encodes one byte value.
func escapeByte(s string, b byte) string {
	if strings.IndexByte(s, b) < 0 {
		return s
	}
	return strings.ReplaceAll(s, string(rune(b)), "%"+string(hexDigits[b>>4])+string(hexDigits[b&15]))
}
