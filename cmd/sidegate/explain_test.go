package main

import (
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
