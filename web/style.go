package web

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
)

//go:embed templates/style.css
var style string

// CSS returns the stylesheet of our pages, to be put in a <style> element as it
// is. Another package's pages look like ours with it.
func CSS() string { return style }

// styleSource is computed once: each answer carries it, also to a flood.
var styleSource = func() string {
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// StyleSource returns the Content-Security-Policy source that allows CSS inline
// and no other style (CSP 3, 2.3.1).
func StyleSource() string { return styleSource }
