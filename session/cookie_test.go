package session

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// tokensOfLibrary are those that net/http's reading of cookies finds.
func tokensOfLibrary(c Cookie, r *http.Request) (tokens []Token) {
	for _, k := range r.CookiesNamed(c.Name()) {
		if t, ok := ParseToken(k.Value); ok && len(tokens) < maxCandidates {
			tokens = append(tokens, t)
		}
	}
	return tokens
}

// Whoever reads cookies beside us, we and net/http find the same.
func FuzzTokensAreThoseThatTheLibraryFinds(f *testing.F) {
	t := strings.Repeat("A", 43)
	for _, line := range []string{
		"sidegate=" + t, "a=b; sidegate=" + t + "; c=d", "sidegate=\"" + t + "\"", "sidegate=\"" + t, "sidegate=" + t + "\"", " sidegate =" + t, "sidegate= " + t,
		"\tsidegate=" + t + "\t;", "Sidegate=" + t, "sidegate=" + t + ";sidegate=" + t[1:] + "B", "sidegate=" + t + "\nsidegate=" + t, ";;=;sidegate", "sidegate==" + t,
		"sidegate=\"\"" + t + "\"\"", "sidegate=" + t + ",", "xsidegate=" + t + "\n x=y;sidegate=" + t, "\u00a0sidegate=" + t, "sidegate\x00=" + t,
		strings.Repeat("sidegate="+t+";", 6), "sidegate=" + t[:42] + "B", "sidegate", "sidegate=\"",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Count(text, ";") > 1000 {
			return // of which net/http reads none, some number
		}
		c := NewCookie(false, time.Hour)
		r := &http.Request{Header: http.Header{"Cookie": strings.Split(text, "\n")}}
		if got, want := c.Tokens(r), tokensOfLibrary(c, r); !slices.Equal(got, want) {
			t.Errorf("%q: %d tokens, want %d", text, len(got), len(want))
		}
	})
}

func TestTokensAreFoundWithoutGarbage(t *testing.T) {
	c, want := NewCookie(true, time.Hour), NewToken()
	r := &http.Request{Header: http.Header{"Cookie": {"a=b; " + c.Name() + "=" + want.Cookie() + "; c=d"}}}
	if got := testing.AllocsPerRun(100, func() {
		var room [maxCandidates]Token
		if found := c.appendTokens(room[:0], r); len(found) != 1 || found[0] != want {
			t.Error("the token is not found")
		}
	}); got > 0 {
		t.Errorf("%.0f allocations", got)
	}
}
