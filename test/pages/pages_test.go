package pages

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sidegate/test/rig"
	"sidegate/test/stage"
)

// Every page of web that there is, with long names and addresses in it.
func TestPagesAreForEverybody(t *testing.T) {
	t.Parallel()
	b := stage.NewBrowser(t)
	v := newViewer(t, b.Profile(t))
	site := served(t)
	shown := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(ownPages())) {
		v.Open(site + "/" + name)
		shown[answer[string](v, "document.body.className")] = true
		v.judge(name)
		for _, address := range v.log.foreign(site) {
			t.Errorf("%s: the page asks %s", name, address)
		}
	}
	for _, name := range templates(t, "web/templates") {
		if !shown[name] && name != "layout" { // which is part of all
			t.Errorf("no test has looked at web/templates/%s.html", name)
		}
	}
}

// Whoever reports what failed copies the request id, and nothing beside it.
func TestOneClickSelectsTheRequestID(t *testing.T) {
	t.Parallel()
	p := stage.NewBrowser(t).Profile(t)
	p.Open(served(t) + "/500")
	id := p.Text("footer code")
	p.Click("footer code")
	rig.Eventually(t, func() string {
		return "selected: " + p.Eval("getSelection().toString()") + ", want " + id + "\n" + p.State()
	}, func() bool {
		return id != "" && p.Eval("getSelection().toString()") == id
	})
}

// templates are the names of the pages in a folder of the checkout.
func templates(t *testing.T, folder string) (names []string) {
	t.Helper()
	found, err := fs.Glob(os.DirFS(filepath.Join(stage.Checkout(t), folder)), "*.html")
	if err != nil || len(found) == 0 {
		t.Fatalf("no templates in %s: %v", folder, err)
	}
	for _, name := range found {
		names = append(names, strings.TrimSuffix(name, ".html"))
	}
	return names
}
