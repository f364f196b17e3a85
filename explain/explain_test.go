package explain

import (
	"strings"
	"testing"
)

func TestACodeIsFoundHoweverItIsWritten(t *testing.T) {
	for _, code := range []string{"redirect_uri_mismatch", "Redirect-URI-Mismatch", " redirect uri mismatch"} {
		if p, ok := Find(code); !ok || p.Code != "redirect_uri_mismatch" {
			t.Errorf("Find(%q) = %q, %t", code, p.Code, ok)
		}
	}
	if p, ok := Find("nothing_of_the_kind"); ok {
		t.Errorf("an unknown code is explained as %q", p.Code)
	}
}

func TestEveryProblemSaysWhatToDo(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range All() {
		if p.Means == "" || p.Where == "" || len(p.Do) == 0 {
			t.Errorf("%s: says %+v", p.Code, p)
		}
		if seen[p.Code] {
			t.Errorf("%s is there twice", p.Code)
		}
		seen[p.Code] = true
		if found, ok := Find(p.Code); !ok || found.Code != p.Code {
			t.Errorf("%s cannot be found by its own name", p.Code)
		}
	}
}

func TestAnUnknownCodeHasANearestOne(t *testing.T) {
	for typed, want := range map[string]string{
		"redirect_uri_missmatch": "redirect_uri_mismatch",
		"acces denied":           "access_denied",
		"invalid_clients":        "invalid_client",
	} {
		if got := Nearest(typed); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", typed, got, want)
		}
	}
}

// A page shows these to anybody: each is whole sentences, and none names an address of
// one installation.
func TestEveryTextIsWholeSentences(t *testing.T) {
	for _, p := range All() {
		if !strings.HasSuffix(p.Means, ".") {
			t.Errorf("%s: %q does not end as a sentence", p.Code, p.Means)
		}
		for _, do := range p.Do {
			if !strings.HasSuffix(do, ".") {
				t.Errorf("%s: %q does not end as a sentence", p.Code, do)
			}
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"abc", "acb", 2}, {"DRAIN", "DRAIN", 0}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q %q: got %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
