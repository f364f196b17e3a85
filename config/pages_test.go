package config

import (
	"strings"
	"testing"
)

const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>`

// A browser is told what the picture is and not to guess, so the name of the file
// counts for nothing. What is no picture, or a document of another kind, is a fault at
// the start and not a broken picture on every page.
func TestALogoIsWhatItsContentSays(t *testing.T) {
	for content, want := range map[string]string{
		svg: "image/svg+xml",
		"\ufeff" + `<?xml version="1.0"?><!-- drawn by hand -->` + "\n" + svg: "image/svg+xml",
		`<s:svg xmlns:s="http://www.w3.org/2000/svg"/>`:                       "image/svg+xml",
		"\x89PNG\r\n\x1a\n….":                                                 "image/png",
		"\xff\xd8\xff\xe0….":                                                  "image/jpeg",
		"RIFF\x00\x00\x00\x00WEBPVP8 ":                                        "image/webp",
		"GIF89a….":                                                            "",
		"<svg/>":                                                              "", // browsers need the namespace
		"<html><body>" + svg:                                                  "",
		"not at all":                                                          "",
		"<svg xmlns='http://www.w3.org/2000/svg'":                             "",
		"":                                 "",
		svg + strings.Repeat(" ", maxFile): "",
	} {
		c, err := minimal().with("LOGO", file(t, content)).raw(t).Parse()
		if c.Pages.Logo.Type != want || (err == nil) != (want != "") {
			t.Errorf("%.40q is %q, want %q: %v", content, c.Pages.Logo.Type, want, err)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), "SIDEGATE_LOGO names the file") || strings.Contains(err.Error(), "svg xmlns")) {
			t.Errorf("%.40q: %v", content, err)
		}
	}
}
