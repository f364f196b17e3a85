package web

import (
	"encoding/base64"
	"html"
	"net/http/httptest"
	"strings"
	"testing"
)

// renderFor renders a page of a site.
func renderFor(t *testing.T, s *Site, p Page) string {
	t.Helper()
	body, err := s.render(httptest.NewRequest("GET", "/", nil), 200, p)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestTheSitesNameAndLogoAreOnEveryPage(t *testing.T) {
	svg := []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	s := &Site{Brand: Brand{Name: "Sales & more", Logo: NewLogo("image/svg+xml", svg)}}
	for field, p := range pagesWith("/plain") {
		page := html.UnescapeString(renderFor(t, s, p))
		for _, want := range []string{
			" · Sales & more</title>", "<span>Sales & more</span></header>",
			`<img src="data:image/svg+xml;base64,` + base64.StdEncoding.EncodeToString(svg) + `" alt="">`,
		} {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %q", field, want)
			}
		}
		if strings.Contains(renderFor(t, &Site{}, p), "<header>") {
			t.Errorf("%s: a header with nothing in it", field)
		}
	}
	alone := renderFor(t, &Site{Brand: Brand{Logo: NewLogo("image/png", []byte("x"))}}, SignedOut{})
	if !strings.Contains(alone, `alt="Logo of this site"`) {
		t.Error("a logo without a name beside it says nothing to who cannot see it")
	}
}

// SEC-PAGE-01: the operator's name is a value like all others.
func TestTheSitesNameNeverBecomesMarkup(t *testing.T) {
	plain := skeleton(parse(t, renderFor(t, &Site{Brand: Brand{Name: "plain"}}, SignedOut{SignIn: "/in"})))
	for _, payload := range payloads {
		page := renderFor(t, &Site{Brand: Brand{Name: payload}}, SignedOut{SignIn: "/in"})
		if got := skeleton(parse(t, page)); got != plain {
			t.Errorf("%q changes the page:\n got %s\nwant %s", payload, got, plain)
		}
	}
}

// SEC-PAGE-02: what is no picture gets no address, least of all one of a document.
func TestOnlyPicturesAreLogos(t *testing.T) {
	for _, mediaType := range []string{"text/html", "image/gif", "application/xhtml+xml", "image/svg+xml,<b>", "image/png;base64,\"", ""} {
		if got := NewLogo(mediaType, []byte("x")); got != (Logo{}) {
			t.Errorf("%q is a logo: %s", mediaType, got.Source())
		}
	}
	if NewLogo("image/png", nil) != (Logo{}) {
		t.Error("nothing is a logo")
	}
}
