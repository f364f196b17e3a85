package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The chart is an SVG without script or font of its own. Its colours follow the
// reader's: a page shows it as an image, in which the media query works as well.
const chartStyle = `<style>
svg { --ink: #1f2328; --soft: #656d76; --grid: #d8dee4; --ours: #0969da; --theirs: #8c959f; background: transparent }
@media (prefers-color-scheme: dark) { svg { --ink: #e6edf3; --soft: #9198a1; --grid: #3d444d; --ours: #4493f8; --theirs: #6e7681 } }
text { font: 13px system-ui, sans-serif; fill: var(--ink) }
.soft { fill: var(--soft); font-size: 12px }
.title { font-weight: 600 }
.grid { stroke: var(--grid) }
.ours { fill: var(--ours) } .theirs { fill: var(--theirs) }
.line.ours { stroke: var(--ours); fill: none; stroke-width: 2 } .line.theirs { stroke: var(--theirs); fill: none; stroke-width: 2 }
.reach { stroke: var(--ink) }
</style>`

const chartWidth = 820

// bar is one of a bar chart, with how far the rounds were apart.
type bar struct {
	title string
	ours  bool
	spread
}

// chart draws what a request costs, and how that grows.
func (w written) chart() string {
	var bars []bar
	for _, c := range w.all {
		if s := w.figures.ratio(cpuFlat, c.name); s.known() {
			bars = append(bars, bar{plain(c.title), strings.Contains(c.title, "sidegate"), s})
		}
	}
	body, height := drawBars("Processor time for a request, as a multiple of the bare proxy's (lower is better)", bars)
	for i, c := range w.growth {
		x, y := float64(i%2)*chartWidth/2, height+float64(i/2)*panelHeight
		body += fmt.Sprintf(`<g transform="translate(%.0f %.0f)">%s</g>`+"\n", x, y, drawCurve(c))
	}
	height += float64((len(w.growth)+1)/2) * panelHeight
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" width="%d" height="%.0f" role="img" aria-label="What a request costs">`+"\n%s\n%s</svg>\n",
		chartWidth, height, chartWidth, height, chartStyle, body)
}

// plain takes Markdown out of a title.
func plain(title string) string { return strings.NewReplacer("**", "", "`", "").Replace(title) }

func drawBars(title string, bars []bar) (string, float64) {
	const left, right, top, each = 350.0, 130.0, 44.0, 28.0
	most := 1.0
	for _, b := range bars {
		most = math.Max(most, b.max)
	}
	scale := func(v float64) float64 { return left + v/most*(chartWidth-left-right) }
	var s strings.Builder
	fmt.Fprintf(&s, `<text class="title" x="8" y="22">%s</text>`+"\n", html.EscapeString(title))
	fmt.Fprintf(&s, `<line class="grid" x1="%.1f" x2="%[1]f" y1="%.1f" y2="%.1f" stroke-dasharray="3 3"/>`+"\n", scale(1), top-6, top+each*float64(len(bars)))
	for i, b := range bars {
		y := top + each*float64(i)
		fmt.Fprintf(&s, `<text x="%.1f" y="%.1f" text-anchor="end">%s</text>`, left-10, y+14, html.EscapeString(b.title))
		fmt.Fprintf(&s, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="18" rx="2"/>`, class(b.ours), left, y, scale(b.median)-left)
		fmt.Fprintf(&s, `<line class="reach" x1="%.1f" x2="%.1f" y1="%.1f" y2="%[3]f"/>`, scale(b.min), scale(b.max), y+9)
		fmt.Fprintf(&s, `<text class="soft" x="%.1f" y="%.1f">%s</text>`+"\n", scale(b.max)+8, y+14, b.write(times))
	}
	return s.String(), top + each*float64(len(bars)) + 24
}

func class(ours bool) string {
	if ours {
		return "ours"
	}
	return "theirs"
}

const panelHeight = 240.0

// drawCurve draws lines over sizes that stand at equal distances, as each is some times
// the one before. The scale begins at nothing, or a slope would look steep.
func drawCurve(c curve) string {
	const left, width, top, height = 50.0, 330.0, 44.0, 120.0
	most := 0.0
	for _, l := range c.lines {
		for _, s := range l.cost {
			most = math.Max(most, s.max)
		}
	}
	if most == 0 || math.IsNaN(most) {
		return ""
	}
	x := func(i int) float64 { return left + float64(i)*width/float64(max(len(c.at)-1, 1)) }
	y := func(v float64) float64 { return top + height - v/most*height }
	var s strings.Builder
	fmt.Fprintf(&s, `<text class="title" x="8" y="22">µs a request, by %s</text>`+"\n", html.EscapeString(c.what))
	for _, v := range []float64{0, most} {
		fmt.Fprintf(&s, `<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%[3]f"/><text class="soft" x="%.1f" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, left+width, y(v), left-6, y(v)+4, short(v))
	}
	for i, n := range c.at {
		fmt.Fprintf(&s, `<text class="soft" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, x(i), top+height+18, thousands(float64(n)))
	}
	for j, l := range c.lines {
		s.WriteString(drawLine(l, x, y, top+height+38+16*float64(j)))
	}
	return s.String()
}

// drawLine draws one, with a legend at the given height. Two of ours are told apart by
// dashes.
func drawLine(l line, x func(int) float64, y func(float64) float64, legend float64) string {
	var points []string
	for i, c := range l.cost {
		if c.known() {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(i), y(c.median)))
		}
	}
	title, dash := plain(l.title), ""
	if strings.Contains(title, "file") {
		dash = ` stroke-dasharray="6 4"`
	}
	kind := class(strings.Contains(title, "sidegate"))
	return fmt.Sprintf(`<polyline class="line %s" points="%s"%s/>`+"\n", kind, strings.Join(points, " "), dash) +
		fmt.Sprintf(`<line class="line %s"%s x1="50" x2="74" y1="%.1f" y2="%[3]f"/><text class="soft" x="80" y="%.1f">%s</text>`+"\n",
			kind, dash, legend-4, legend, html.EscapeString(title))
}
