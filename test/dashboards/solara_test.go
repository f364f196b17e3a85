package dashboards

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"sidegate/test/stage"
)

func TestSolara(t *testing.T) {
	bin := filepath.Join(stage.Part(t, venv("solara")), "bin")
	const add = `document.querySelector(".add")`
	_, command := recipe(t, "solara", bin)
	d := start(t, "solara", command, nil, map[string]string{"NOTICE": "true"})

	p := d.visit("/?quarter=3", "bob@example.com")
	p.WaitText("body", "Hello, Bob Błażej! Your address is bob@example.com", "Counted 0", "Drop file here")
	d.with(p, add, "e.click()")
	p.WaitText("body", "Counted 1")
	d.drop(p, ".solara-file-drop", file(t, "upload.bin", 1<<20)) // no input to choose one in
	p.WaitText("body", "Received 1048576 bytes, aca1cd027e979588")
	if got := p.Eval(`(async () => String((await fetch("/resourcez")).status))()`); got != "404" {
		t.Errorf("what is for the server's operator is answered %s", got)
	}
	p.Shoot("solara")

	d.revoke("bob@example.com")
	d.wantSignedOut(p)
	d.with(p, add, "e.click()")
	p.WaitText("body", "Counted 1") // nothing of its own tells
	waitCovered(t, p, true)
	p.Shoot("solara-ended")
	p.Reload() // the provider remembers him
	p.WaitPath("/?quarter=3")
	p.WaitText("body", "Your address is bob@example.com", "Counted 0")

	d.followLogout(p, "#logout")
	d.saw(row{
		App: "Solara", Version: release(t, "solara", "solara"),
		Who: "`solara.lab.headers`", Live: "a button, over the WebSocket", Upload: "1 MiB, dropped",
		Logout: "a link to `/_gate/logout`",
		Ended:  "with `SIDEGATE_NOTICE=true` that it has ended, within seconds; loading it again leads to sign in and back. Without, nothing: buttons are dead",
	})
}

// drop drops a file on an element, as from a file manager.
func (d *dashboard) drop(p *stage.Tab, css, path string) {
	d.t.Helper()
	var x, y float64
	middle := fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return (r.x + r.width / 2) + " " + (r.y + r.height / 2) })()`, css)
	if _, err := fmt.Sscan(p.Eval(middle), &x, &y); err != nil {
		d.t.Fatalf("where %s is: %v\n%s", css, err, p.State())
	}
	p.Do("looking at the page", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, page.BringToFront, cdp.Empty{})
		return chromedp.Void{}, err
	})
	for _, kind := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
		p.Do("dropping a file", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
			_, err := cdp.Call(ctx, target, input.DispatchDragEvent, input.DispatchDragEventParams{
				Type: kind, X: x, Y: y,
				Data: &input.DragData{Items: []*input.DragDataItem{}, Files: []string{path}, DragOperationsMask: 1},
			})
			return chromedp.Void{}, err
		})
	}
}
