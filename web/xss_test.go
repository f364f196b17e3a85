package web

import (
	"encoding/xml"
	"io"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// payloads try to leave each context a value could stand in: text, a quoted and
// an unquoted attribute, an address, a style, a script, a comment, a template.
var payloads = []string{
	`<script>alert(1)</script>`,
	`</title><script>alert(1)</script>`,
	`</style><img src=x onerror=alert(1)>`,
	`"><svg onload=alert(1)>`,
	`'><iframe srcdoc='<script>alert(1)</script>'>`,
	`" autofocus onfocus="alert(1)`,
	`' onmouseover='alert(1)`,
	`x onclick=alert(1) y=`,
	`--><b>out</b><!--`,
	`<![CDATA[<b>]]>`,
	`{{.Style}}<%= 1 %>${1}`,
	`&lt;script&gt;&#60;b&#62;`,
	"<scr\x00ipt>alert(1)</scr\x00ipt>",
	"\xff<b>\xc0\xbc",
	`javascript:alert(1)`,
	`/"onmouseover="alert(1)`,
	`/</a><b>`,
	`//evil.example`,
	`/\evil.example`,
	"/\t/evil.example",
	"\n//evil.example",
	`data:text/html,<script>alert(1)</script>`,
	`https://evil.example/_gate/login`,
	`/x" http-equiv="refresh" content="0;url=//evil.example`,
}

// pagesWith returns every page with v in one of its fields, and harmless values
// in the others.
func pagesWith(v string) map[string]Page {
	all := map[string]Page{}
	now := time.Now()
	for name, page := range map[string]Page{
		"SignedOut":  SignedOut{SignIn: "/in", Provider: "Google"},
		"Refused":    Refused{Email: "a@b.example", Switch: "/switch"},
		"Ended":      Ended{SignIn: "/in"},
		"SignInPage": SignInPage{Choices: []Choice{{Name: "Google", Href: "/in", Google: true}, {Name: "Other", Href: "/in"}}},
		"Leaving":    Leaving{Next: "/next"},
		"Account": Account{
			Person: Person{Name: "A", Email: "a@b.example", Subject: "1", Issuer: "https://op.example"},
			Times:  Times{SignedIn: now, LastSeen: now, Expires: now}, Headers: []Header{{"X-User-Id", "1"}},
			App: "/", SignOut: "/out",
			SignIns: SignIns{More: 1, End: "/end", Shown: []SignIn{
				{ID: "1", Browser: "Firefox", Address: "192.0.2.1", Since: now, LastSeen: now, This: true},
				{ID: "2", Browser: "Chrome", Address: "192.0.2.2", Since: now, LastSeen: now}, // the one that is spoilt
			}},
		},
		"signingOut":     signingOut{Provider: "https://op.example", Onward: &url.URL{Path: "/plain"}},
		"ConfirmSignOut": ConfirmSignOut{Email: "a@b.example"},
		"problem":        problem{Error: Error{Status: 400, Code: "c", Title: "t", Public: "p", Since: now.Add(-time.Minute), Action: Action{Label: "Go", Href: "/go"}}, Reload: 5},
	} {
		spoil(reflect.ValueOf(page), name, v, all)
	}
	return all
}

// spoil adds to all a copy of page for each string inside it, with v in its
// place. New fields of new pages are covered without a thought.
func spoil(page reflect.Value, name, v string, all map[string]Page) {
	var walk func(path string, at func(root reflect.Value) reflect.Value)
	walk = func(path string, at func(reflect.Value) reflect.Value) {
		switch here := at(page); here.Kind() {
		case reflect.String:
			fresh := reflect.New(page.Type()).Elem()
			fresh.Set(page)
			at(fresh).SetString(v)
			all[path] = fresh.Interface().(Page)
		case reflect.Struct:
			if here.Type() == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range here.NumField() {
				walk(path+"."+here.Type().Field(i).Name, func(root reflect.Value) reflect.Value { return at(root).Field(i) })
			}
		case reflect.Slice:
			for i := range here.Len() {
				walk(path+"[]", func(root reflect.Value) reflect.Value {
					list := at(root)
					if list.CanSet() { // a copy of its own, or the pages would share it
						list.Set(reflect.AppendSlice(reflect.MakeSlice(list.Type(), 0, list.Len()), list))
					}
					return list.Index(i)
				})
			}
		}
	}
	walk(name, func(root reflect.Value) reflect.Value { return root })
}

// tag is an element and the names of its attributes, as a browser would see them.
type tag struct {
	name   string
	attr   string
	urls   []string
	inLink bool
}

// parse returns the tags of a page.
func parse(t *testing.T, page string) (tags []tag) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(strings.ToValidUTF8(page, "\ufffd"))) // as browsers do
	inLink := false
	dec.Strict, dec.AutoClose, dec.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			return tags
		}
		if err != nil {
			t.Fatalf("page is not well formed: %v\n%s", err, page)
		}
		switch tok := tok.(type) {
		case xml.Comment:
			tags = append(tags, tag{name: "!--"})
		case xml.StartElement:
			e := tag{name: tok.Name.Local, inLink: inLink}
			inLink = inLink || e.name == "a"
			for _, a := range tok.Attr {
				e.attr += " " + a.Name.Local
				switch a.Name.Local {
				case "href", "src", "action", "formaction":
					e.urls = append(e.urls, a.Value)
				}
			}
			tags = append(tags, e)
		case xml.EndElement:
			inLink = inLink && tok.Name.Local != "a"
		}
	}
}

// skeleton is the page without its values. An action whose path was refused may
// be missing, so links and forms are left out; TestForeignAddresses looks there.
func skeleton(tags []tag) string {
	var b strings.Builder
	for _, e := range tags {
		if e.inLink {
			continue
		}
		switch e.name {
		case "a", "form", "button":
		case "p":
			if e.attr == " class" {
				continue // the paragraph around a link
			}
			fallthrough
		default:
			b.WriteString("<" + e.name + e.attr + ">")
		}
	}
	return b.String()
}

func render(t *testing.T, p Page) string {
	t.Helper()
	body, err := (&Site{Demo: true}).render(httptest.NewRequest("GET", "/", nil), 200, p)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// SEC-PAGE-01: no value adds an element or an attribute to any page.
func TestNoValueBecomesMarkup(t *testing.T) {
	plain := map[string]string{}
	for field, p := range pagesWith("/plain") {
		plain[field] = skeleton(parse(t, render(t, p)))
	}
	if len(plain) < 20 {
		t.Fatalf("only %d fields found: %v", len(plain), plain)
	}
	for _, payload := range payloads {
		for field, p := range pagesWith(payload) {
			page := render(t, p)
			if got := skeleton(parse(t, page)); got != plain[field] {
				t.Errorf("%s = %q changes the page:\n got %s\nwant %s", field, payload, got, plain[field])
			}
			if strings.Contains(strings.ToLower(page), "<script") {
				t.Errorf("%s = %q: script in the page", field, payload)
			}
		}
	}
}

// SEC-PAGE-01, SEC-PAGE-02: links and forms stay on our origin; the page loads
// nothing at all.
func TestForeignAddressesNeverReachAPage(t *testing.T) {
	for _, payload := range append(payloads, "/plain") {
		for field, p := range pagesWith(payload) {
			for _, e := range parse(t, render(t, p)) {
				for _, u := range e.urls {
					own := ownPath(u) != "" || e.name == "link" && strings.HasPrefix(u, "data:image/svg+xml,")
					if !own {
						t.Errorf("%s = %q: <%s> leads to %q", field, payload, e.name, u)
					}
				}
				if strings.Contains(e.attr, " on") || strings.Contains(e.attr, " style") {
					t.Errorf("%s = %q: <%s%s>", field, payload, e.name, e.attr)
				}
				switch e.name {
				case "script", "img", "iframe", "object", "embed", "base", "video", "audio":
					t.Errorf("%s = %q: page has <%s>", field, payload, e.name)
				}
			}
		}
	}
}

func TestOwnPath(t *testing.T) {
	for href, want := range map[string]bool{
		"/": true, "/_gate/login?rd=%2F&prompt=select_account": true, "/a//b": true,
		"": false, "a": false, "//evil.example": false, `/\evil.example`: false, `\/evil.example`: false,
		"/\t/evil.example": false, "/\n/evil.example": false, "/\r/evil.example": false, " //evil.example": false,
		"https://evil.example": false, "javascript:alert(1)": false, "?x": false, "/\u0085": false,
	} {
		if got := ownPath(href); got != "" != want || got != "" && got != href {
			t.Errorf("ownPath(%q) = %q", href, got)
		}
	}
}
