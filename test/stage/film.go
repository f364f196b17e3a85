package stage

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"sidegate/test/rig"
)

// Film is a moving picture of what a test does, as README.md has one. It is made when
// FILM=file.gif is in the environment, and else costs nothing.
type Film struct {
	t      *testing.T
	file   string
	frames []still
}

// still is one picture of a page, and what is told with it.
type still struct {
	Picture template.URL
	Address string
	Caption string
	Marked  struct{ Left, Top, Width, Height float64 } // what it is about; zero: all of it
}

const filmWidth, filmHeight = 880, 560 // of the page in it

// NewFilm begins a film.
func NewFilm(t *testing.T) *Film { return &Film{t: t, file: os.Getenv("FILM")} }

// Take adds a picture of the page as it is; css names what it is about, if not all of it.
func (f *Film) Take(p *Tab, caption, css string) {
	f.t.Helper()
	if f.file == "" {
		return
	}
	p.Look(filmWidth, filmHeight, "light")
	defer p.Look(1280, 900, "light")
	p.Do("letting the page settle", chromedp.Sleep(time.Second))
	picture, err := chromedp.Run(p.Ctx, chromedp.CaptureScreenshot())
	if err != nil {
		f.t.Fatalf("taking a picture: %v", err)
	}
	s := still{Picture: dataURL(picture), Address: strings.TrimPrefix(p.Eval("location.href"), "http://"), Caption: caption}
	s.Address, _, _ = strings.Cut(s.Address, "&") // a state, and such
	if css != "" {
		const box = `(({left, top, width, height}) => JSON.stringify({left, top, width, height}))(document.querySelector(%q).getBoundingClientRect())`
		if err := json.Unmarshal([]byte(p.Eval(fmt.Sprintf(box, css))), &s.Marked); err != nil {
			f.t.Fatalf("where is %s: %v", css, err)
		}
	}
	f.frames = append(f.frames, s)
}

func dataURL(picture []byte) template.URL {
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(picture))
}

// Write makes the film of the pictures taken.
func (f *Film) Write(b *Browser) {
	f.t.Helper()
	if f.file == "" {
		return
	}
	p := b.Profile(f.t)
	p.Look(filmWidth+40, filmHeight+140, "light")
	var film gif.GIF
	for n := range f.frames {
		film.Image = append(film.Image, paletted(f.framed(p, n)))
		film.Delay = append(film.Delay, 280) // in hundredths of a second
	}
	var out bytes.Buffer
	if err := gif.EncodeAll(&out, &film); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(f.file, out.Bytes(), 0o644); err != nil {
		f.t.Fatal(err)
	}
	f.t.Logf("%s: %d pictures, %d bytes", f.file, len(film.Image), out.Len())
}

// framed returns a picture in a window with its address, and its caption below.
func (f *Film) framed(p *Tab, n int) image.Image {
	f.t.Helper()
	var markup bytes.Buffer
	err := frame().Execute(&markup, struct {
		still
		Width, Height int
		Frames        []still
		N, Number     int
	}{f.frames[n], filmWidth, filmHeight, f.frames, n, n + 1})
	if err != nil {
		f.t.Fatal(err)
	}
	p.Open("about:blank")
	ctx, cancel := context.WithTimeout(p.Ctx, rig.Patience)
	defer cancel()
	tree, err := chromedp.Call(ctx, page.GetFrameTree, cdp.Empty{})
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, page.SetDocumentContent, page.SetDocumentContentParams{FrameID: tree.FrameTree.Frame.ID, HTML: markup.String()}); err != nil {
		f.t.Fatal(err)
	}
	p.Do("letting the page settle", chromedp.Sleep(500*time.Millisecond))
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		f.t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		f.t.Fatal(err)
	}
	return img
}

// paletted reduces a picture to the 256 colours that it has most of. Pages are flat:
// dithering would make them grainy, and large.
func paletted(img image.Image) *image.Paletted {
	counts := map[color.RGBA]int{}
	b := img.Bounds()
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(img.At(x, y)).(color.RGBA) }
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			counts[at(x, y)]++
		}
	}
	var all []color.RGBA
	for c := range counts {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	var palette color.Palette
	for _, c := range all[:min(256, len(all))] {
		palette = append(palette, c)
	}
	index := map[color.RGBA]uint8{}
	for c := range counts {
		index[c] = uint8(palette.Index(c))
	}
	out := image.NewPaletted(b, palette)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			out.SetColorIndex(x, y, index[at(x, y)])
		}
	}
	return out
}

func frame() *template.Template {
	return template.Must(template.New("").Parse(`<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 20px 20px 0; background: #eef1f5; color: #1a1f27; font: 16px/1.4 system-ui, "Noto Sans", "DejaVu Sans", Arial, sans-serif; }
.window { border: 1px solid #b6bfcc; border-radius: 12px; overflow: hidden; background: #fff; width: {{.Width}}px; margin-left: -1px; }
.bar { display: flex; align-items: center; gap: 8px; height: 40px; padding: 0 14px; background: #dde2e9; }
.bar i { width: 11px; height: 11px; border-radius: 50%; background: #aeb6c2; }
.bar span { flex: 1; margin-left: 10px; padding: 3px 14px; border-radius: 99px; background: #fff; color: #57606e; font-size: 14px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.page { position: relative; height: {{.Height}}px; }
.page img { display: block; width: {{.Width}}px; }
.mark { position: absolute; border: 4px solid #c2410c; border-radius: 12px; }
p { display: flex; align-items: center; gap: 12px; margin: 16px 2px; font-size: 20px; font-weight: 650; }
p b { display: grid; place-items: center; width: 30px; height: 30px; border-radius: 50%; background: #2a59c8; color: #fff; font-size: 16px; }
p s { width: 9px; height: 9px; border-radius: 50%; background: #b6bfcc; } p s.now { background: #2a59c8; }
</style><div class="window"><div class="bar"><i></i><i></i><i></i><span>{{.Address}}</span></div><div class="page"><img src="{{.Picture}}">
{{- with .Marked}}{{if .Width}}<div class="mark" style="left: {{.Left}}px; top: {{.Top}}px; width: {{.Width}}px; height: {{.Height}}px; margin: -8px; padding: 4px"></div>{{end}}{{end}}</div></div>
<p><b>{{.Number}}</b><span style="flex: 1">{{.Caption}}</span>{{range $n, $f := .Frames}}<s{{if eq $n $.N}} class="now"{{end}}></s>{{end}}</p>`))
}
