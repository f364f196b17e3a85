package config

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// Pages is how our own pages look.
type Pages struct {
	Name       string // of the site; empty: none is shown
	Logo       Image
	SignInPage bool // one asks before a sign-in goes on to the provider
}

// Image is a picture; the zero Image is none.
type Image struct {
	Path    string // where it was read
	Type    string // media type, by its content
	Content []byte
}

// maxName bounds a site's name, in characters: it stands in one line.
const maxName = 60

func (p *parser) pages(r Raw) Pages {
	if utf8.RuneCountInString(r.Name) > maxName {
		p.fault("NAME", "is longer than %d characters", maxName)
	}
	return Pages{Name: r.Name, Logo: p.logo(r.Logo), SignInPage: p.yes("SIGN_IN_PAGE", r.SignInPage)}
}

// logo reads a picture and says by its content what it is: browsers are told so, and
// not to guess.
func (p *parser) logo(path string) Image {
	if path == "" {
		return Image{}
	}
	content, problem := readFile(path)
	image := Image{Path: path, Type: imageType(content), Content: []byte(content)}
	if problem == "" && image.Type == "" {
		problem = "is no SVG, PNG, JPEG or WebP picture"
	}
	if problem != "" {
		p.fault("LOGO", "names the file %q, which %s", path, problem)
		return Image{}
	}
	return image
}

// imageType returns the media type of a picture that browsers know, empty if it is none.
func imageType(content string) string {
	known := []string{"image/png", "image/jpeg", "image/webp"}
	if t := http.DetectContentType([]byte(content)); slices.Contains(known, t) {
		return t
	}
	if rootElement(content) == (xml.Name{Space: "http://www.w3.org/2000/svg", Local: "svg"}) {
		return "image/svg+xml"
	}
	return ""
}

// rootElement returns the name of the element that an XML document consists of.
func rootElement(document string) xml.Name {
	d := xml.NewDecoder(strings.NewReader(document))
	for {
		token, err := d.Token()
		if err != nil {
			return xml.Name{}
		}
		if e, ok := token.(xml.StartElement); ok {
			return e.Name
		}
	}
}
