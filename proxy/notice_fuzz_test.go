package proxy

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"sidegate/web"
)

// pieces gives out a page in pieces of the sizes given, over and over.
type pieces struct {
	page  []byte
	sizes []byte
	next  int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.page) == 0 {
		return 0, io.EOF
	}
	size := len(b)
	if len(p.sizes) > 0 {
		size = min(size, 1+int(p.sizes[p.next%len(p.sizes)]))
		p.next++
	}
	n := copy(b[:size], p.page)
	p.page = p.page[n:]
	return n, nil
}

// withNotice is a page as a browser receives it.
func withNotice(t testing.TB, page, sizes []byte) []byte {
	out, err := io.ReadAll(&noticePage{ReadCloser: io.NopCloser(&pieces{page: page, sizes: sizes}), tag: web.NoticeTag})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzNotice: whatever the page is and however it comes, the browser receives every
// byte of it, in order, and at most one tag more; a browser that reads it finds our
// script in the head and otherwise the page it would have found.
func FuzzNotice(f *testing.F) {
	for _, page := range []string{
		"", " ", "x", "<", "</", "<!", "<!-", "<h", "\xef\xbb\xbf", "\xef\xbb", "\xff\xfe<\x00h\x00", "\xfe\xff\x00<", "<3 of you",
		"<!doctype html><html lang=en><head><meta charset=utf-8><title>t</title></head><body>b",
		"\xef\xbb\xbf <!DOCTYPE html PUBLIC \"<head>\">\r\n<!-- <head> -- > --!><html data-a='<head>' b=\">\" c=d\"e>\n<HEAD\tx=\"<>\"/><title>t",
		"<!--><head>--><head>", "<!---><p>", "<!-- a > <head>", "<?xml version='1.0'?><html><title>x", "<![CDATA[<head>]]>x",
		"<!doctype html>\n\ntext<head>", "<html><script>'<head>'</script><head>", "<html <head><title>", "<html a='><head>", "<header>x", "<head-line>x", "</p><head>",
		"<html>\x00<head>", "<frameset>", "<body><head>", "<textarea><head>", "<html/><html x=y><head>", "</ x><head>", "</><head>", "<!>x", "<?>x",
	} {
		f.Add([]byte(page), []byte{})
		f.Add([]byte(page), []byte{0})
		f.Add([]byte(page), []byte{0, 6, 2})
	}
	f.Fuzz(func(t *testing.T, page, sizes []byte) {
		out := withNotice(t, page, sizes)
		if whole := withNotice(t, page, nil); !bytes.Equal(out, whole) {
			t.Fatalf("in pieces %q, at once %q", out, whole)
		}
		if bytes.Equal(out, page) {
			return
		}
		place := -1
		for at := 0; at+len(web.NoticeTag) <= len(out); at++ {
			if string(out[at:at+len(web.NoticeTag)]) == web.NoticeTag && string(out[:at])+string(out[at+len(web.NoticeTag):]) == string(page) {
				place = at
				break
			}
		}
		if place < 0 {
			t.Fatalf("%q became %q", page, out)
		}
		sameTree(t, page, out)
	})
}

// sameTree compares what a browser makes of the two.
func sameTree(t *testing.T, page, out []byte) {
	t.Helper()
	// The parser gives up on pages that are nested absurdly deep. Behind a stray end
	// tag a <head> may lose its attributes.
	page, out = bytes.TrimPrefix(page, []byte("\xef\xbb\xbf")), bytes.TrimPrefix(out, []byte("\xef\xbb\xbf"))
	before, err := html.Parse(bytes.NewReader(page))
	if err != nil || bytes.Contains(page, []byte("notice.js")) || bytes.Contains(page, []byte("</")) {
		return
	}
	after, err := html.Parse(bytes.NewReader(out))
	if err != nil {
		t.Fatalf("%q is parsed, %q is not: %v", page, out, err)
	}
	var ours []*html.Node
	for n := range after.Descendants() {
		if n.Type == html.ElementNode && n.Data == "script" && len(n.Attr) == 2 && n.Attr[0].Val == web.NoticePath {
			ours = append(ours, n)
		}
	}
	if len(ours) != 1 || ours[0].Parent.Data != "head" || ours[0].FirstChild != nil {
		t.Fatalf("%q: %d scripts of ours in the head of %q", page, len(ours), out)
	}
	ours[0].Parent.RemoveChild(ours[0])
	if got, want := tree(t, after), tree(t, before); got != want {
		t.Errorf("%q is read as\n%q, and with the notice as\n%q", page, want, got)
	}
}

func tree(t *testing.T, n *html.Node) string {
	t.Helper()
	var b strings.Builder
	if err := html.Render(&b, n); err != nil {
		return "not to be rendered"
	}
	return b.String()
}
