package proxy

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sidegate/identity"
	"sidegate/session"
	"sidegate/upstream"
)

func TestNamesBeyondASCIIAreWrittenAsAskedFor(t *testing.T) {
	for _, tt := range []struct{ name, percent, latin1, utf8, rfc2047 string }{
		{"", "", "", "", ""},
		{"Ann Bee", "Ann Bee", "Ann Bee", "Ann Bee", "Ann Bee"},
		{"Zoë", "Zo%C3%AB", "Zo\xeb", "Zoë", "=?utf-8?q?Zo=C3=AB?="},
		{"Błażej 100%", "B%C5%82a%C5%BCej%20100%25", "B%C5%82a%C5%BCej%20100%25", "Błażej 100%", "=?utf-8?q?B=C5=82a=C5=BCej_100%?="},
		{"a_b=c?ü", "a_b=c%3F%C3%BC", "a_b=c?\xfc", "a_b=c?ü", "=?utf-8?q?a=5Fb=3Dc=3F=C3=BC?="},
		{"=?utf-8?q?root?=", "=?utf-8?q?root?=", "=?utf-8?q?root?=", "=?utf-8?q?root?=", "=?utf-8?q?=3D=3Futf-8=3Fq=3Froot=3F=3D?="},
		{"a\nb", "a%0Ab", "a%0Ab", "a%0Ab", "=?utf-8?q?a=0Ab?="},
		{"ü\u0085b", "%C3%BC%C2%85b", "%C3%BC%C2%85b", "%C3%BC%C2%85b", "=?utf-8?q?=C3=BC=C2=85b?="},
		{"ü\u2028b", "%C3%BC%E2%80%A8b", "%C3%BC%E2%80%A8b", "%C3%BC%E2%80%A8b", "=?utf-8?q?=C3=BC=E2=80=A8b?="},
		{"\u00a0é", "%C2%A0%C3%A9", "%C2%A0%C3%A9", "%C2%A0%C3%A9", "=?utf-8?q?=C2=A0=C3=A9?="},
		{" a", "%20a", "%20a", "%20a", "=?utf-8?q?_a?="},
		{"Åb", "%C3%85b", "\xc5b", "Åb", "=?utf-8?q?=C3=85b?="},                    // U+0085 to a reader of Latin-1, and no more
		{"Å: b", "%C3%85:%20b", "\xc5: b", "%C3%85:%20b", "=?utf-8?q?=C3=85:_b?="}, // that would be a field
		{"\xff", "%FF", "%FF", "%FF", "=?utf-8?q?=EF=BF=BD?="},
	} {
		for as, want := range map[encoding]string{percent: tt.percent, latin1: tt.latin1, utf8Raw: tt.utf8, rfc2047: tt.rfc2047} {
			if got := encode(tt.name, as); got != want {
				t.Errorf("%q in encoding %d: got %q, want %q", tt.name, as, got, want)
			}
		}
	}
}

// An encoded-word is at most 75 long (RFC 2047 2), and readers put several together.
func TestLongNamesAreSeveralWords(t *testing.T) {
	name := strings.Repeat("Zoë Błażej 😀 ", 40)
	got := encode(name, rfc2047)
	for word := range strings.SplitSeq(got, " ") {
		if len(word) > 75 {
			t.Errorf("a word of %d: %s", len(word), word)
		}
	}
	if back, err := new(mime.WordDecoder).DecodeHeader(got); err != nil || back != name {
		t.Errorf("read back as %q, %v", back, err)
	}
}

// Somebody may choose an address, so that no two are told alike.
func TestNobodysAddressReadsLikeAnothers(t *testing.T) {
	seen := map[string]string{}
	for _, address := range []string{
		"ü@app.example", "%C3%BC@app.example", "%25C3%25BC@app.example", "Ã¼@app.example", "=?utf-8?q?=C3=BC?=@app.example", "a\x01@app.example", "a%01@app.example",
		"zoe@app.example", "zo%65@app.example", "=?utf-8?q?zoe?=@app.example", "ł@app.example", "%C5%82@app.example",
	} {
		for as := range rfc2047 + 1 {
			key := fmt.Sprint(as, " ", encodeUnique(address, as))
			if before, twice := seen[key]; twice {
				t.Errorf("%q is told as %q is: %q", address, before, key)
			}
			seen[key] = address
		}
		if back, err := url.PathUnescape(encodeUnique(address, percent)); err != nil || back != address {
			t.Errorf("%q is read as %q, %v", address, back, err)
		}
	}
}

// SEC-HDR-12: whatever a claim holds, what is sent is one value that no server
// splits or trims, and that says the same to those who read it as it is meant.
func FuzzClaimsStayOneValue(f *testing.F) {
	for _, s := range []string{"Zoë Błażej", "a\r\nb: c", "\u0085", "Å: x", "=?utf-8?q?x?=", "a,b|c%2C", " x ", "\xff\x00", "😀"} {
		f.Add(s, "admins")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for as := range rfc2047 + 1 {
			for _, value := range []string{encode(a, as), encodeUnique(a, as), joinGroups([]string{a, b}, ',', as), joinGroups([]string{a, b}, '|', as)} {
				if strings.TrimSpace(value) != value || slices.ContainsFunc([]byte(value), func(b byte) bool { return b < ' ' || b == 0x7f }) {
					t.Errorf("%q, %q in encoding %d became %q", a, b, as, value)
				}
			}
		}
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return // a session keeps no such text
		}
		if back, err := new(mime.WordDecoder).DecodeHeader(encode(a, rfc2047)); err != nil || back != a {
			t.Errorf("%q is read as %q, %v", a, back, err)
		}
		for _, separator := range []byte{',', '|'} {
			for _, as := range []encoding{percent, utf8Raw} {
				var back []string
				for item := range strings.SplitSeq(joinGroups([]string{a, "x", b}, separator, as), string(rune(separator))) {
					group, err := url.PathUnescape(item)
					if err != nil {
						t.Errorf("%q: %v", item, err)
					}
					back = append(back, group)
				}
				want := strings.Split(strings.Trim(a+"\x00x\x00"+b, "\x00"), "\x00")
				if !strings.Contains(a+b, "\x00") && fmt.Sprintf("%q", back) != fmt.Sprintf("%q", want) {
					t.Errorf("%q and %q are read as %q", a, b, back)
				}
			}
		}
	})
}

// Apps believe the names of dialects that are not spoken, too: those are guarded
// whatever the settings say.
func TestNamesOfAllDialectsAreClaimed(t *testing.T) {
	for _, d := range dialects() {
		for _, f := range d.fields {
			if !claimed(fold(f.name)) {
				t.Errorf("%s: a browser can set %s", d.name, f.name)
			}
			if f.name != http.CanonicalHeaderKey(f.name) {
				t.Errorf("%s: net/http does not find %s", d.name, f.name)
			}
		}
	}
}

func benchmarkHeaders(b *testing.B, presets ...string) {
	keys, err := session.NewKeys(strings.Repeat("k", 32))
	if err != nil {
		b.Fatal(err)
	}
	a, err := NewAssertions("https://app.example", keys, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	var rules []HeaderRule
	for _, p := range presets {
		rules = append(rules, HeaderRule{Preset: p})
	}
	h, err := NewHeaders(rules, a)
	if err != nil {
		b.Fatal(err)
	}
	id := identity.Identity{
		Issuer: "https://accounts.google.com", Subject: "110169484474386276334", Email: "zoe@app.example", EmailVerified: true,
		Name: "Zoe Blazej", Picture: "https://pics.example/zoe.png", Groups: []string{"staff"},
	}
	var fields []upstream.Field
	b.ReportAllocs()
	for b.Loop() {
		fields = h.appendTo(fields[:0], &id)
	}
}

func BenchmarkSetSidegate(b *testing.B)   { benchmarkHeaders(b, "sidegate") }
func BenchmarkSetDatabricks(b *testing.B) { benchmarkHeaders(b, "databricks") }
func BenchmarkSetAll(b *testing.B)        { benchmarkHeaders(b, HeaderPresets()...) }

func BenchmarkStrip(b *testing.B) {
	h, err := NewHeaders([]HeaderRule{{Preset: "sidegate"}, {Name: "X-Mine"}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	header := http.Header{}
	for _, name := range []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Cookie", "Priority", "Referer", "Sec-Ch-Ua", "Sec-Ch-Ua-Mobile",
		"Sec-Ch-Ua-Platform", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "User-Agent",
	} {
		header.Set(name, "v")
	}
	b.ReportAllocs()
	for b.Loop() {
		h.strip(header)
	}
}
