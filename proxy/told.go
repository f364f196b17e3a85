package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"sidegate/identity"
	"sidegate/upstream"
	"sidegate/web"
)

// HeaderRule is a header that tells the app who somebody is or, with a Preset, all
// headers of a dialect.
type HeaderRule struct {
	Preset string // one of HeaderPresets; empty: Name and Value
	Name   string
	Value  []HeaderPart
}

// HeaderPart is a piece of a header's value: text as it stands, or what is known of
// the person.
type HeaderPart struct {
	Text        string
	Placeholder string // such as "email"; empty: Text
	Encoding    string // of a Placeholder's value; empty: percent-encoded UTF-8
}

// Headers tells the app who somebody is, and sees to it that nobody else does. It
// is made once and then only read.
type Headers struct {
	fields     []field
	sent       []field         // the same in the order of their names
	own        map[string]bool // names besides the claimed ones, folded
	assertions *Assertions
}

// field is a header as it is sent: its name in canonical form, as net/http files it.
type field struct {
	name  string
	value []part
}

// part is a piece of a value.
type part struct {
	what      claim
	text      string // of a literal
	as        encoding
	separator byte // of groups and roles; 0: a comma
}

// claim is what can be said of a person.
type claim int

const (
	nothing claim = iota // the part is text
	theEmail
	theUser   // what stands before the "@"
	theDomain // what stands behind it
	theID     // the provider's sub
	theName
	thePicture
	theGroups
	theRoles
	theAssertion // all of it, signed
)

// placeholders are the names of the claims in the settings.
func placeholders() map[string]claim {
	return map[string]claim{
		"": nothing, "email": theEmail, "user": theUser, "domain": theDomain, "id": theID, "name": theName,
		"picture": thePicture, "groups": theGroups, "roles": theRoles, "assertion": theAssertion,
	}
}

// NewHeaders returns Headers that say what the rules do. Without assertions none
// is sent. The error is the end of a sentence about the setting.
func NewHeaders(rules []HeaderRule, assertions *Assertions) (*Headers, error) {
	t := &Headers{own: make(map[string]bool), assertions: assertions}
	for _, rule := range rules {
		fields, err := rule.fields()
		if err != nil {
			return nil, err
		}
		for _, f := range fields {
			if err := t.add(f); err != nil {
				return nil, err
			}
		}
	}
	t.sent = slices.SortedFunc(slices.Values(t.fields), func(a, b field) int { return strings.Compare(a.name, b.name) })
	return t, nil
}

// add refuses to say two things under one name: which of them an app believes would
// be anybody's guess.
func (t *Headers) add(f field) error {
	folded := fold(f.name)
	if folded == fold(ticketHeader) {
		return fmt.Errorf("sets %s, which is what the app asks for API tokens with; choose another name", f.name)
	}
	for _, before := range t.fields {
		switch {
		case fold(before.name) != folded:
		case slices.Equal(before.value, f.value):
			return nil
		default:
			return fmt.Errorf("sets %s twice, to different values; take out one of the entries that do", f.name)
		}
	}
	t.fields = append(t.fields, f)
	t.own[folded] = true
	return nil
}

func (r HeaderRule) fields() ([]field, error) {
	if r.Preset != "" {
		for _, d := range dialects() {
			if d.name == r.Preset {
				return d.fields, nil
			}
		}
		return nil, fmt.Errorf("names %q, which is no preset", r.Preset)
	}
	f := field{name: http.CanonicalHeaderKey(r.Name)}
	for _, p := range r.Value {
		what, known := placeholders()[p.Placeholder]
		as, encodes := encodings()[p.Encoding]
		if !known || !encodes {
			return nil, fmt.Errorf("has {%s:%s} in %s, which stands for nothing", p.Placeholder, p.Encoding, r.Name)
		}
		f.value = append(f.value, part{what: what, text: p.Text, as: as})
	}
	return []field{f}, nil
}

// appendTo says who it is. What is not known is not said: the header is then absent,
// since strip has removed anybody else's.
func (t *Headers) appendTo(fields []upstream.Field, id *identity.Identity) []upstream.Field {
	for i := range t.sent {
		if value, ok := t.value(&t.sent[i], id, t.assertions.For); ok {
			fields = append(fields, upstream.Field{Name: t.sent[i].name, Value: value})
		}
	}
	return fields
}

// Shown lists the headers for id to the person. What is signed is shortened: a
// screenshot must not hand it on.
func (t *Headers) Shown(id identity.Identity) []web.Header {
	var shown []web.Header
	for i := range t.fields {
		f := &t.fields[i]
		value, ok := t.value(f, &id, func(id identity.Identity) string { return shorten(t.assertions.For(id)) })
		if !ok {
			continue
		}
		if !utf8.ValidString(value) { // Latin-1
			value = fromLatin1(value)
		}
		shown = append(shown, web.Header{Name: f.name, Value: value})
	}
	return shown
}

func fromLatin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// shorten leaves of an assertion what says that it is one.
func shorten(signed string) string {
	const kept = 12
	if len(signed) <= kept {
		return signed
	}
	return signed[:kept] + "… (signed, " + strconv.Itoa(len(signed)) + " characters)"
}

// value returns a header's value for id, unless a part of it is not known.
func (t *Headers) value(f *field, id *identity.Identity, sign func(identity.Identity) string) (string, bool) {
	if len(f.value) == 1 {
		value := f.value[0].of(id, sign)
		return value, value != ""
	}
	var out strings.Builder
	for _, p := range f.value {
		piece := p.of(id, sign)
		if piece == "" {
			return "", false
		}
		out.WriteString(piece)
	}
	return out.String(), out.Len() > 0
}

// of returns the part's text for id, "" when it is not known.
func (p *part) of(id *identity.Identity, sign func(identity.Identity) string) string {
	at := strings.LastIndexByte(id.Email, '@')
	switch p.what {
	case nothing:
		return p.text
	case theEmail:
		return encodeUnique(id.Email, p.as)
	case theUser:
		return encodeUnique(id.Email[:max(at, 0)], p.as)
	case theDomain:
		if at >= 0 {
			return encodeUnique(id.Email[at+1:], p.as)
		}
	case theID:
		return encode(id.Subject, p.as)
	case theName:
		return encode(id.Name, p.as)
	case thePicture:
		return encode(id.Picture, p.as)
	case theGroups:
		return p.list(id.Groups)
	case theRoles:
		return p.list(id.Roles)
	case theAssertion:
		return sign(*id)
	}
	return ""
}

func (p *part) list(names []string) string {
	separator := p.separator
	if separator == 0 {
		separator = ','
	}
	return joinGroups(names, separator, p.as)
}
