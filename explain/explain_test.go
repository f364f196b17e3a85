package explain

import "testing"

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
