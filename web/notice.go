package web

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
)

// NoticePath is where the script of the notice is: what tells a person, in a page of
// the app's, that their session has ended. NoticeTag is the element that loads it.
const (
	NoticePath = "/_gate/notice.js"
	NoticeTag  = `<script src="` + NoticePath + `" async></script>`
)

//go:embed templates/notice.js
var noticeScript []byte

// NoticeScript answers GET /_gate/notice.js, the one answer of ours that may be kept:
// it is the same for everybody. Not for long, as no address says its version.
func (s *Site) NoticeScript(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	s.protect(h)
	h.Set("Cache-Control", "max-age=300")
	write(w, r, http.StatusOK, "text/javascript; charset=utf-8", noticeScript)
	return nil
}

// farewell tells the pages of the app in other tabs, by the channel on which the
// notice listens, that it is time to ask whether they have a session.
const farewell template.JS = `new BroadcastChannel("sidegate").postMessage("ended")`

// farewellSource allows farewell inline and no other script (CSP 3, 2.3.1).
var farewellSource = func() string {
	sum := sha256.Sum256([]byte(farewell))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// farewellOf returns the script that page p carries: none, but where the notice is
// wanted and the page says that a session is over. The page does not need it.
func (s *Site) farewellOf(p Page) template.JS {
	if s.Notice {
		switch p.(type) {
		case SignedOut, signingOut:
			return farewell
		}
	}
	return ""
}
