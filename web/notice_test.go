package web

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The script may stand in any page: it makes nothing out of text, loads nothing from
// elsewhere, and leaves what belongs to the page as it was.
func TestTheNoticeIsAGoodGuest(t *testing.T) {
	script := string(noticeScript)
	for _, word := range []string{
		"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval", "Function(", "<style", "<script", "import(", "http:", "https:",
		"window.", "globalThis", "prototype", "localStorage", "sessionStorage", "cookie", "EventSource", "WebSocket", "XMLHttpRequest",
	} {
		code := regexp.MustCompile(`(?m)//.*$`).ReplaceAllString(script, "")
		if strings.Contains(code, word) {
			t.Errorf("the script has %q", word)
		}
	}
	if !strings.Contains(script, "\n(() => {\n\"use strict\";\n") || !strings.HasSuffix(script, "\n})();\n") {
		t.Error("the script is not one strict function")
	}
	if !strings.Contains(NoticeTag, `"`+NoticePath+`"`) {
		t.Errorf("the tag %s does not load %s", NoticeTag, NoticePath)
	}
}

// It looks like our other pages, in light colours and in dark ones.
func TestTheNoticeHasTheColoursOfOurPages(t *testing.T) {
	colours := regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)
	ours := map[[2]string]int{}
	for _, c := range colours.FindAllStringSubmatch(CSS(), -1) {
		ours[[2]string{c[1], c[2]}]++
	}
	found := colours.FindAllStringSubmatch(string(noticeScript), -1)
	for _, c := range found {
		if ours[[2]string{c[1], c[2]}] == 0 {
			t.Errorf("--%s is %s in the notice alone", c[1], c[2])
		}
	}
	if len(found) < 10 {
		t.Errorf("only %d colours found", len(found))
	}
}

func TestTheNoticesScriptIsTheOneAnswerThatMayBeKept(t *testing.T) {
	s := &Site{HTTPS: true, Notice: true}
	address, _ := serve(t, s, Only(s.NoticeScript, http.MethodGet))
	want, err := os.ReadFile("templates/notice.js")
	if err != nil {
		t.Fatal(err)
	}
	resp, body := do(t, "GET", address)
	if body != string(want) {
		t.Error("the answer is not the script")
	}
	if resp.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || resp.Header.Get("Cache-Control") != "max-age=300" {
		t.Errorf("header: %v", resp.Header)
	}
	// As for all others.
	other, _ := serve(t, s, kinds(s)["json"])
	usual, _ := do(t, "GET", other)
	for _, h := range []http.Header{resp.Header, usual.Header} {
		for _, name := range []string{"Cache-Control", "Content-Type", "Content-Length", "Date"} {
			h.Del(name)
		}
	}
	if !maps.EqualFunc(resp.Header, usual.Header, func(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }) {
		t.Errorf("header: %v, of other answers %v", resp.Header, usual.Header)
	}
	if head, none := do(t, "HEAD", address); none != "" || head.StatusCode != 200 {
		t.Errorf("HEAD: %d, %q", head.StatusCode, none)
	}
	if post, _ := do(t, "POST", address); post.StatusCode != 405 {
		t.Errorf("POST: %d", post.StatusCode)
	}
}

// SEC-PAGE-01, SEC-PAGE-02: pages carry a script only where the notice is wanted, only
// after a sign-out, and the policy allows that one and no other.
func TestOnlyThePageAfterASignOutTellsTheOtherTabs(t *testing.T) {
	for _, notice := range []bool{true, false} {
		s := &Site{Notice: notice}
		for field, p := range pagesWith("/plain") {
			address, _ := serve(t, s, func(w http.ResponseWriter, r *http.Request) error { s.Page(w, r, 200, p); return nil })
			resp, body := do(t, "GET", address)
			name, _ := p.about()
			tells := notice && (name == "signedout" || name == "signingout")
			scripts := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindAllStringSubmatch(body, -1)
			want := policy("")
			if tells {
				if len(scripts) != 1 || strings.Count(body, "<script") != 1 {
					t.Fatalf("%s: %d scripts", field, len(scripts))
				}
				sum := sha256.Sum256([]byte(scripts[0][1]))
				want += "; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
			} else if strings.Contains(body, "<script") {
				t.Errorf("%s, notice %t: a script", field, notice)
			}
			if got := resp.Header.Get("Content-Security-Policy"); got != want {
				t.Errorf("%s, notice %t: policy %s, want %s", field, notice, got, want)
			}
		}
	}
	// On the way out to the provider as well.
	s := &Site{Notice: true}
	address, _ := serve(t, s, func(w http.ResponseWriter, r *http.Request) error {
		s.Leave(w, r, &url.URL{Scheme: "https", Host: "op.example"}, "op")
		return nil
	})
	if _, body := do(t, "POST", address, asPage); !strings.Contains(body, "<script>"+string(farewell)+"</script>") {
		t.Error("a sign-out at the provider tells nobody")
	}
}
