package main

import (
	"regexp"
	"strings"
	"testing"

	"sidegate/explain"
)

func TestExplainSaysWhatACodeMeansAndWhatToDo(t *testing.T) {
	for _, typed := range [][]string{{"redirect_uri_mismatch"}, {"Redirect", "URI", "mismatch"}, {"redirect-uri-mismatch"}} {
		code, out, err := do(append([]string{"explain"}, typed...)...)
		if code != 0 || err != "" || !strings.HasPrefix(out, "redirect_uri_mismatch\n") || !strings.Contains(out, "/_gate/callback") || !strings.Contains(out, "What to do:\n- ") {
			t.Errorf("%v: code %d, %s%s", typed, code, out, err)
		}
		for line := range strings.Lines(out) {
			if len(strings.Fields(line)) > 1 && len(line) > lineWidth+2 {
				t.Errorf("a line of %d bytes: %s", len(line), line)
			}
		}
	}
}

func TestExplainAloneListsEveryCode(t *testing.T) {
	code, out, _ := do("explain")
	if code != 0 {
		t.Fatalf("code %d", code)
	}
	for _, p := range explain.All() {
		if !strings.Contains(out, p.Code+" ") || !strings.Contains(out, p.Means) {
			t.Errorf("%s is not listed", p.Code)
		}
	}
}

func TestExplainNamesTheNearestOfAnUnknownCode(t *testing.T) {
	code, out, err := do("explain", "redirect_url_mismatch")
	if code != 2 || out != "" || !strings.Contains(err, "nearest is redirect_uri_mismatch") {
		t.Errorf("code %d, %q, %q", code, out, err)
	}
}

// A page of the manual that an explanation sends people to is there; the README, which is
// about beginning, holds none of the details.
func TestExplanationsNamePagesThatThereAre(t *testing.T) {
	pages, named := manual(t), 0
	for _, p := range explain.All() {
		text := p.Means + " " + strings.Join(p.Do, " ")
		if strings.Contains(text, "README") {
			t.Errorf("%s sends people to the README: %s", p.Code, text)
		}
		for _, page := range regexp.MustCompile(`docs/\w+\.md`).FindAllString(text, -1) {
			named++
			if pages[page] == "" {
				t.Errorf("%s names %s, which is not there", p.Code, page)
			}
		}
	}
	if named < 2 {
		t.Errorf("only %d pages are named", named)
	}
}
