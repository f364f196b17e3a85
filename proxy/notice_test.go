package proxy_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sidegate/session"
	"sidegate/web"
)

// startNotice is a rig with the notice on, and somebody's Cookie line.
func startNotice(t *testing.T, s setup) (*rig, string) {
	t.Helper()
	g := start(t, s)
	g.gate.Forward.AddNotice()
	return g, g.signIn(t, alice())
}

// asTab are the lines of a browser that opens a page in a tab.
const asTab = "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none"

// htmlAnswer is an app's answer with the fields and the page given.
func htmlAnswer(page string, fields ...string) string {
	lines := append([]string{"HTTP/1.1 200 OK", fmt.Sprintf("Content-Length: %d", len(page))}, fields...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + page
}

func TestTheNoticeGoesWhereTheHeadBegins(t *testing.T) {
	g, cookie := startNotice(t, setup{})
	for _, page := range []string{ // | marks the place
		`<!doctype html><html lang="en"><head>|<meta charset="utf-8"><title>t</title></head><body>b`,
		"\xef\xbb\xbf<!DOCTYPE html>\r\n<!-- <head> -->\r\n<HTML data-a='<head>'>\r\n<HEAD\tclass=x>|\r\n<title>t",
		"<!doctype html>\n<html>\n|<title>no head</title><p>x",
		"<!doctype html>|<p>no html",
		"<!doctype html>\n|text",
		"|text alone",
		"\xef\xbb\xbf|text with a mark",
		"|<3",
		`<html><!-- "<head>" --!>|<script>var s = "<head>"</script></html>`,
		"<!--><head>|--><head>",
		"<?xml version='1.0'?><html>|<header><head></header>",
		"<!--" + strings.Repeat("x", 60<<10) + "--><head>|<title>far in",
	} {
		want := strings.Replace(page, "|", web.NoticeTag, 1)
		g.app.says(htmlAnswer(strings.Replace(page, "|", "", 1), "Content-Type: text/html"), true)
		if _, got := g.ask(t, message("GET", "/", cookie, asTab)); got != want {
			t.Errorf("got  %.300q\nwant %.300q", got, want)
		}
	}
}

// What is said of the app's bytes is not true of ours.
func TestAPageWithTheNoticeSaysNothingOfTheAppsBytes(t *testing.T) {
	g, cookie := startNotice(t, setup{})
	g.app.says(htmlAnswer("<head>", "Content-Type: Text/HTML; charset=UTF-8", `ETag: "1"`, "Last-Modified: Mon, 02 Mar 2026 10:00:00 GMT",
		"Accept-Ranges: bytes", "Content-MD5: x", "Digest: x", "Repr-Digest: x", "Content-Digest: x",
		"Content-Security-Policy: script-src 'none'", "Content-Disposition: inline; filename=a.html", "X-App: stays"), true)
	res, body := g.ask(t, message("GET", "/", cookie, asTab, "Accept-Encoding: gzip, br", `If-None-Match: "1"`, "If-Modified-Since: Mon, 02 Mar 2026 10:00:00 GMT"))
	if body != "<head>"+web.NoticeTag {
		t.Errorf("got %q", body)
	}
	for _, name := range []string{"Content-Length", "Etag", "Last-Modified", "Accept-Ranges", "Content-Md5", "Digest", "Repr-Digest", "Content-Digest"} {
		if v, ok := res.Header[name]; ok {
			t.Errorf("%s: %q came with the changed page", name, v)
		}
	}
	if res.Header.Get("X-App") != "stays" || res.Header.Get("Content-Security-Policy") != "script-src 'none'" {
		t.Errorf("the app's own header changed: %v", res.Header)
	}
	asked := g.app.only(t)
	if asked.get("Accept-Encoding") != "identity" || asked.get("If-None-Match") != "" || asked.get("If-Modified-Since") != "" {
		t.Errorf("the app was asked %v", asked.fields)
	}
}

// Nothing else changes by a byte, on the way to the app and back.
func TestTheNoticeLeavesEverythingElseAlone(t *testing.T) {
	const page, kind = "<!doctype html><head><title>t</title>", "Content-Type: text/html"
	for name, tt := range map[string]struct {
		off      bool
		method   string
		lines    string
		answer   string
		unsigned bool
	}{
		"the setting off":     {off: true},
		"HEAD":                {method: "HEAD"},
		"a form":              {method: "POST"},
		"a script's call":     {lines: "Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nAccept: text/html"},
		"a frame":             {lines: "Sec-Fetch-Dest: iframe\r\nSec-Fetch-Mode: navigate\r\nAccept: text/html"},
		"fetched as document": {lines: "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: cors"},
		"a program":           {lines: "Accept: */*"},
		"a part":              {lines: asTab + "\r\nRange: bytes=0-99"},
		"nobody signed in":    {unsigned: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, setup{paths: []string{"/open"}})
			if !tt.off {
				g.gate.Forward.AddNotice()
			}
			cookie, method, lines := g.signIn(t, alice()), tt.method, tt.lines
			target := "/"
			if tt.unsigned {
				target, cookie = "/open", ""
			}
			if method == "" {
				method = "GET"
			}
			if lines == "" {
				lines = asTab
			}
			answer := htmlAnswer(page, kind, `ETag: "1"`, "Last-Modified: Mon, 02 Mar 2026 10:00:00 GMT", "Accept-Ranges: bytes")
			if method == "HEAD" {
				answer = strings.TrimSuffix(answer, page)
			}
			g.app.says(answer, true)
			res, body := g.ask(t, message(method, target, cookie, lines, "Accept-Encoding: gzip, br", `If-None-Match: "0"`, "If-Modified-Since: then"))
			if want := strings.TrimPrefix(page, map[bool]string{true: page}[method == "HEAD"]); body != want {
				t.Errorf("got %q, want %q", body, want)
			}
			if res.Header.Get("Etag") != `"1"` || res.Header.Get("Accept-Ranges") != "bytes" || res.ContentLength != int64(len(page)) || res.Header.Get("Last-Modified") == "" {
				t.Errorf("the header changed: length %d, %v", res.ContentLength, res.Header)
			}
			asked := g.app.only(t)
			if asked.get("Accept-Encoding") != "gzip, br" || asked.get("If-None-Match") != `"0"` || asked.get("If-Modified-Since") != "then" {
				t.Errorf("the app was asked %v", asked.fields)
			}
		})
	}
}

func TestTheNoticeGoesIntoNothingButPages(t *testing.T) {
	g, cookie := startNotice(t, setup{})
	const page = "<!doctype html><head><title>t</title>"
	for name, answer := range map[string]string{
		"an error page":         strings.Replace(htmlAnswer(page, "Content-Type: text/html"), "200 OK", "404 Not Found", 1),
		"a part":                strings.Replace(htmlAnswer(page, "Content-Type: text/html", "Content-Range: bytes 0-36/99"), "200 OK", "206 Partial Content", 1),
		"compressed after all":  htmlAnswer(page, "Content-Type: text/html", "Content-Encoding: gzip"),
		"JSON":                  htmlAnswer(page, "Content-Type: application/json"),
		"XHTML":                 htmlAnswer(page, "Content-Type: application/xhtml+xml"),
		"no type":               htmlAnswer(page),
		"two types":             htmlAnswer(page, "Content-Type: text/html", "Content-Type: text/plain"),
		"no type at all":        htmlAnswer(page, "Content-Type: text/html; charset"),
		"UTF-16":                htmlAnswer(page, "Content-Type: text/html; charset=utf-16le"),
		"UTF-7":                 htmlAnswer(page, "Content-Type: text/html; charset=utf-7"),
		"a download":            htmlAnswer(page, "Content-Type: text/html", "Content-Disposition: attachment; filename=report.html"),
		"not to be transformed": htmlAnswer(page, "Content-Type: text/html", "Cache-Control: private, No-Transform"),
		"with trailers": "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\nTrailer: Digest\r\n\r\n" +
			fmt.Sprintf("%x\r\n%s\r\n0\r\nDigest: x\r\n\r\n", len(page), page),
	} {
		answer = strings.Replace(answer, "\r\n", "\r\nETag: \"1\"\r\n", 1)
		g.app.says(answer, true)
		res, body := g.ask(t, message("GET", "/", cookie, asTab))
		if body != page || res.Header.Get("Etag") != `"1"` {
			t.Errorf("%s: got %q, ETag %q", name, body, res.Header.Get("Etag"))
		}
	}
	for name, page := range map[string]string{
		"nothing":             "",
		"a mark of UTF-16":    "\xff\xfe<\x00h\x00e\x00a\x00d\x00>\x00",
		"an endless comment":  "<!--" + strings.Repeat("x", 70<<10) + "--><head>",
		"endless white space": strings.Repeat(" ", 70<<10) + "<head>",
		"an unended tag":      "<html data='",
	} {
		g.app.says(htmlAnswer(page, "Content-Type: text/html"), true)
		if _, body := g.ask(t, message("GET", "/", cookie, asTab)); body != page {
			t.Errorf("%s: %d bytes became %d", name, len(page), len(body))
		}
	}
}

// Browsers leave the metadata out on plain http; then Accept tells.
func TestTheNoticeReachesBrowsersThatDoNotSayWhatTheyFetch(t *testing.T) {
	g, cookie := startNotice(t, setup{})
	g.app.says(htmlAnswer("<head>", "Content-Type: text/html; charset=windows-1252"), true)
	if _, body := g.ask(t, message("GET", "/", cookie, "Accept: text/html,*/*;q=0.8")); body != "<head>"+web.NoticeTag {
		t.Errorf("got %q", body)
	}
}

// A page that is written bit by bit arrives bit by bit.
func TestAPageIsNotHeldBackForTheNotice(t *testing.T) {
	g, cookie := startNotice(t, setup{})
	for _, pieces := range [][3]string{ // what the app writes, and what the browser must have by then
		{"<!doctype html><he", "ad>", "<head>" + web.NoticeTag},
		{"<!doctype html>", "Wait", web.NoticeTag + "Wait"},
		{"\n", "<p", web.NoticeTag}, // the tag's end says whether it is one of a page's beginning
	} {
		proceed := make(chan string)
		g.app.answers(func(c *appConn, _ request) bool {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n")
			for piece := range proceed {
				io.WriteString(c, piece)
			}
			return false
		})
		c := g.dial(t)
		c.send(t, message("GET", "/", cookie, asTab))
		proceed <- pieces[0]
		proceed <- pieces[1]
		if pieces[1] == "<p" {
			proceed <- ">"
		}
		res, err := http.ReadResponse(c.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		buf := make([]byte, 1)
		for !strings.HasSuffix(got.String(), pieces[2]) {
			n, err := res.Body.Read(buf)
			got.Write(buf[:n])
			if err != nil {
				t.Fatalf("before the app wrote on: %q, then %v", got.String(), err)
			}
		}
		close(proceed)
		rest, err := io.ReadAll(res.Body)
		if err != nil {
			t.Errorf("at the end: %q, %v", rest, err)
		}
		c.Close()
	}
}

// SEC-ERR-05: half a page does not look like a whole one for having no length.
func TestABrokenPageStaysBrokenWithTheNotice(t *testing.T) {
	for _, page := range []string{"<head><title>", "<!doctype html>", "<!--"} {
		g, cookie := startNotice(t, setup{})
		g.app.says("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000\r\n\r\n"+page, false)
		c := g.dial(t)
		c.send(t, message("GET", "/", cookie, asTab))
		res, err := http.ReadResponse(c.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("%q looks whole: %q", page, body)
		} else if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", page, err)
		}
	}
}

// A tab that only asks who is signed in lets the session end like any idle one.
func TestAskingWhoIsSignedInIsNoActivity(t *testing.T) {
	const idle = time.Second
	g, cookie := startNotice(t, setup{limits: session.Limits{Idle: idle, Max: time.Hour}})
	began := time.Now()
	for {
		res, _ := g.ask(t, message("GET", "/_gate/userinfo", cookie, "Sec-Fetch-Mode: cors"))
		if res.StatusCode == http.StatusUnauthorized {
			break
		}
		if time.Since(began) > idle*busy {
			t.Fatalf("still %s after %s of nothing but questions; the idle limit is %s", res.Status, time.Since(began), idle)
		}
		time.Sleep(idle / 40)
	}
	if asked := time.Since(began); asked < idle*9/10 {
		t.Errorf("the session ended after %s, its idle limit is %s", asked, idle)
	}
}
