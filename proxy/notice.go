package proxy

import (
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"sidegate/web"
)

// AddNotice has the app's pages tell people when their session has ended: from now on
// a page that somebody signed in opens gets the element web.NoticeTag, and is
// otherwise passed on as it comes. Without it, nothing of this file is ever called.
func (f *Forwarder) AddNotice() { f.notice = true }

// opensPage reports whether r, of somebody signed in, opens a page in a tab. A frame
// is none: the page around it tells. One fetched ahead of need is: nobody fetches it
// again when the person comes. What asks for a part gets that part.
func opensPage(r *http.Request) bool {
	if r.Method != http.MethodGet || r.Header.Get("Range") != "" {
		return false
	}
	if dest := r.Header.Get("Sec-Fetch-Dest"); dest != "" {
		return dest == "document" && r.Header.Get("Sec-Fetch-Mode") == "navigate"
	}
	return web.IsPageLoad(r)
}

// askForText asks the app for the page itself: not compressed, and not whether the one
// that the browser has is good still. That one may be of a time without the notice.
func askForText(h http.Header) {
	h.Set("Accept-Encoding", "identity")
	for _, name := range []string{"If-None-Match", "If-Modified-Since"} {
		h.Del(name)
	}
}

// isPage reports whether an answer is a page of HTML that may be changed, in an
// encoding in which our ASCII says what it says. An app that forbids to transform
// what it sends is obeyed (RFC 9110 7.7), and a download is not a page.
func isPage(res *http.Response) bool {
	if res.StatusCode != http.StatusOK || res.ContentLength == 0 || len(res.Trailer) > 0 ||
		len(res.Header["Content-Encoding"]) > 0 || len(res.Header["Content-Type"]) != 1 {
		return false
	}
	if strings.Contains(strings.ToLower(strings.Join(res.Header["Cache-Control"], ",")), "no-transform") {
		return false
	}
	if how, _, _ := strings.Cut(res.Header.Get("Content-Disposition"), ";"); how != "" && !strings.EqualFold(strings.TrimSpace(how), "inline") {
		return false
	}
	kind, params, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	return err == nil && kind == "text/html" && (slices.Contains([]string{"", "utf-8", "utf8", "us-ascii", "ascii"}, charset) ||
		strings.HasPrefix(charset, "iso-8859-") || strings.HasPrefix(charset, "windows-125"))
}

// addNotice changes the answer. What its header says about the bytes of the body goes:
// the length, the digests, and the validators, since a browser must not put a part of
// the app's page to a part of ours, nor hear that its page of today is good still
// when the notice is wanted no more.
func addNotice(res *http.Response) {
	for _, name := range []string{
		"Content-Length", "Content-Md5", "Digest", "Repr-Digest", "Content-Digest", "Etag", "Last-Modified", "Accept-Ranges",
	} {
		res.Header.Del(name)
	}
	res.ContentLength = -1
	res.Body = &noticePage{ReadCloser: res.Body, tag: web.NoticeTag}
}

// maxPreamble is how far into a page its beginning is looked for, in bytes.
const maxPreamble = 64 << 10

// noticePage is a page with a tag put in. It holds back the beginning until it knows
// where the tag goes, a few hundred bytes in nearly all pages, and nothing after it.
type noticePage struct {
	io.ReadCloser
	tag string

	placed bool
	ahead  []byte // was read, and not given out yet
	given  int    // how much of ahead the tokenizer has seen
	err    error  // comes after ahead
}

// Read implements io.Reader.
func (n *noticePage) Read(p []byte) (int, error) {
	if !n.placed {
		n.placed = true
		if at, ok := n.place(); ok {
			n.ahead = slices.Insert(n.ahead, at, []byte(n.tag)...)
		}
	}
	if len(n.ahead) > 0 {
		took := copy(p, n.ahead)
		n.ahead = n.ahead[took:]
		return took, nil
	}
	n.ahead = nil
	if n.err != nil {
		return 0, n.err
	}
	return n.ReadCloser.Read(p)
}

// place returns where the tag goes: behind <head>, or where a browser would begin a
// head that nobody wrote, before the first thing that is not of the preamble (HTML
// 13.2.6.4.1 to .4: white space, comments, the doctype, <html>). A script ahead of
// the doctype would change how the page is laid out. !ok: nowhere.
func (n *noticePage) place() (at int, ok bool) {
	switch {
	case n.starts("\xfe\xff"), n.starts("\xff\xfe"):
		return 0, false // UTF-16, whatever the header says (Encoding, "decode")
	case n.starts("\xef\xbb\xbf"):
		at = 3
	}
	n.given = at
	z := html.NewTokenizer(tokenReader{n})
	for n.markup(at) {
		kind := z.Next()
		size := len(z.Raw())
		switch kind {
		case html.TextToken, html.CommentToken, html.DoctypeToken: // text: white space, by markup
			at += size
		case html.StartTagToken, html.SelfClosingTagToken:
			switch name, _ := z.TagName(); string(name) {
			case "head":
				return at + size, true
			case "html":
				at += size
			default:
				return at, true
			}
		case html.EndTagToken:
			return at, true
		default:
			return 0, false
		}
	}
	at = n.skipSpace(at)
	return at, n.byteAt(at) != none
}

// markup reports whether nothing but white space and then markup follows. It asks for
// no byte more than it needs: the app may write the next one in an hour.
func (n *noticePage) markup(at int) bool {
	at = n.skipSpace(at)
	if n.byteAt(at) != '<' {
		return false
	}
	c := n.byteAt(at + 1)
	return c == '!' || c == '?' || c == '/' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func (n *noticePage) skipSpace(at int) int {
	for strings.ContainsRune(" \t\n\f\r", rune(n.byteAt(at))) {
		at++
	}
	return at
}

func (n *noticePage) starts(with string) bool {
	for i := range len(with) {
		if n.byteAt(i) != int(with[i]) {
			return false
		}
	}
	return true
}

// none is no byte: the page has ended, or goes on for longer than we look.
const none = -1

func (n *noticePage) byteAt(i int) int {
	for i >= len(n.ahead) {
		if !n.more() {
			return none
		}
	}
	return int(n.ahead[i])
}

// more reads ahead, and reports whether that brought anything.
func (n *noticePage) more() bool {
	for n.err == nil && len(n.ahead) < maxPreamble {
		n.ahead = slices.Grow(n.ahead, 2<<10)
		space := n.ahead[len(n.ahead):min(cap(n.ahead), maxPreamble)]
		took, err := n.ReadCloser.Read(space)
		n.ahead, n.err = n.ahead[:len(n.ahead)+took], err
		if took > 0 {
			return true
		}
	}
	return false
}

// tokenReader is what the tokenizer reads: what was read ahead, and then more.
type tokenReader struct{ *noticePage }

// Read implements io.Reader.
func (t tokenReader) Read(p []byte) (int, error) {
	if t.byteAt(t.given) == none {
		return 0, io.EOF
	}
	took := copy(p, t.ahead[t.given:])
	t.given += took
	return took, nil
}
