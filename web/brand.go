package web

import (
	"encoding/base64"
	"html/template"
)

// Brand is whose site it is, shown above every page of ours. The zero Brand shows
// nothing.
type Brand struct {
	Name string
	Logo Logo
}

// Logo is a picture as it stands in our pages. The zero Logo is none.
//
// It stands there as a data: URL in an <img>, which browsers run no script of and
// load nothing for, an SVG's included (SVG Integration, 2: secure static mode). An
// address of its own would be one that somebody can be led to, and there an SVG is a
// document of our origin.
type Logo struct{ source template.URL }

// NewLogo returns the logo with that content. The media type is image/svg+xml,
// image/png, image/jpeg or image/webp; any other, or no content, is no logo.
func NewLogo(mediaType string, content []byte) Logo {
	switch mediaType {
	case "image/svg+xml", "image/png", "image/jpeg", "image/webp":
		if len(content) > 0 {
			return Logo{template.URL("data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(content))}
		}
	}
	return Logo{}
}

// Source returns the logo's address; empty: there is none.
func (l Logo) Source() template.URL { return l.source }
