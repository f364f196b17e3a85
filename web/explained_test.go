package web

import (
	"errors"
	"strings"
	"testing"

	"sidegate/explain"
)

// A page says first what the person can do, and then, folded away, what whoever runs the
// site can; with the request id and the command that says the same.
func TestAnErrorPageExplainsItselfToWhoRunsTheSite(t *testing.T) {
	url, _ := serve(t, &Site{}, fails(&Error{Status: 502, Code: "client_rejected", Public: "Tell whoever runs this.", Err: errors.New("10.0.0.7 said no")}))
	resp, page := do(t, "GET", url, asPage)
	known, ok := explain.Find("client_rejected")
	if !ok || !known.Operator {
		t.Fatal("client_rejected is not explained to operators")
	}
	at := 0
	for _, want := range []string{"Tell whoever runs this.", "<details", "<code>client_rejected</code>", known.Means, "sidegate explain client_rejected", "</details>"} {
		i := strings.Index(page[at:], want)
		if i < 0 {
			t.Fatalf("no %q after the %d bytes before it:\n%s", want, at, page)
		}
		at += i
	}
	if strings.Contains(page, "10.0.0.7") || resp.StatusCode != 502 {
		t.Errorf("got %d:\n%s", resp.StatusCode, page)
	}
	if strings.Contains(page, "<details open") {
		t.Error("it is not folded away")
	}
}

// Where whoever runs the site can do nothing, and where nothing is known, there is no such
// part; programs get the code alone, which is what explain takes.
func TestOnlyPagesOfProblemsAnOperatorCanMendExplain(t *testing.T) {
	for _, code := range []string{"callback_repeated", "not_connected", "nobody_knows_this"} {
		url, _ := serve(t, &Site{}, fails(&Error{Status: 400, Code: code, Public: "Press Continue."}))
		if _, page := do(t, "GET", url, asPage); strings.Contains(page, "<details") {
			t.Errorf("%q: the page has a part for operators", code)
		}
	}
	url, _ := serve(t, &Site{}, fails(&Error{Status: 502, Code: "client_rejected", Public: "p"}))
	if _, body := do(t, "GET", url); strings.Contains(body, "explain") || !strings.Contains(body, `"client_rejected"`) {
		t.Errorf("JSON: %s", body)
	}
}
