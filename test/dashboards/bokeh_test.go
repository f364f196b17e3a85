package dashboards

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sidegate/proxy/apps"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

func TestBokeh(t *testing.T) {
	d := bokeh(t, "bokeh")
	p := bokehPage(t, d)
	p.Shoot("bokeh")
	d.revoke("alice@example.com")
	waitDeep(t, p, ".entries", "Client connection was lost")
	p.Shoot("bokeh-ended")
	p.Reload() // the provider remembers her
	waitDeep(t, p, "#who", "alice@example.com")
	p.WaitPath("/app?quarter=3")
	bokehLogOut(t, d, p)
	d.saw(row{
		App: "Bokeh", Version: release(t, "panel", "bokeh"),
		Who: "`curdoc().session_context.request.headers[\"X-User-Email\"]`", Live: "a button and a clock, over the WebSocket", Upload: "1 MiB",
		Logout: "a link to `/_gate/logout`",
		Ended:  "at once “Client connection was lost”; reloading it leads to sign in and back",
	})
}

func TestPanel(t *testing.T) {
	d := bokeh(t, "panel")
	p := bokehPage(t, d)
	p.Shoot("panel")
	d.revoke("alice@example.com")
	p.WaitText(".notyf", "The connection was lost. Sign in again")
	p.Shoot("panel-ended")
	p.Click(".notyf a")
	p.WaitText("main", "Your session has ended")
	p.Click("main a.button") // the provider remembers her
	p.WaitPath("/app?quarter=3")
	waitDeep(t, p, "#who", "alice@example.com")
	bokehLogOut(t, d, p)
	d.saw(row{
		App: "Panel", Version: release(t, "panel", "panel"),
		Who: "`pn.state.headers[\"X-User-Email\"]`", Live: "a button and a clock, over the WebSocket", Upload: "1 MiB",
		Logout: "a link to `/_gate/logout`",
		Ended:  "at once its own `disconnect_notification`; the link in it leads to sign in and back",
	})
}

// bokeh starts an app as its preset's recipe says.
func bokeh(t *testing.T, preset string) *dashboard {
	t.Helper()
	command := slices.Clone(apps.Named(preset).Recipe.Command)
	command[0] = filepath.Join(stage.Part(t, venv("panel")), "bin", command[0])
	for i, word := range command {
		if word == "app.py" {
			command[i] = source(t, preset, word)
		}
	}
	return start(t, preset, command, nil, nil)
}

// bokehPage signs in as alice and looks at what a page of Bokeh's server does.
func bokehPage(t *testing.T, d *dashboard) *stage.Tab {
	t.Helper()
	p := d.visit("/app?quarter=3", "alice@example.com")
	waitDeep(t, p, "#who", "Hello, Alice Example! Your address is alice@example.com")
	waitDeep(t, p, "#query", "Quarter 3")
	p.Eval(deep("button", "e.click()"))
	waitDeep(t, p, "#count", "Counted 1")
	tick := p.Eval(deep("#tick", "e.innerText"))
	rig.Eventually(t, func() string { return "the clock stands still\n" + p.State() }, func() bool {
		return p.Eval(deep("#tick", "e.innerText")) != tick
	})
	p.Eval(deep(`input[type="file"]`, `{
		const chosen = new DataTransfer()
		chosen.items.add(new File(["0123456789abcdef".repeat(65536)], "upload.bin"))
		e.files = chosen.files
		e.dispatchEvent(new Event("change"))
	}`))
	waitDeep(t, p, "#received", "Received 1048576 bytes, aca1cd027e979588")
	bokehIdentity(t, d, p)
	return p
}

// bokehIdentity: what a page sends back to say who it was made for cannot be made up,
// planted or handed on, and holds no more than it has to.
func bokehIdentity(t *testing.T, d *dashboard, alice *stage.Tab) {
	t.Helper()
	bob := d.visit("/app", "bob@example.com")
	waitDeep(t, bob, "#who", "Hello, Bob Błażej! Your address is bob@example.com")
	hers, his := bokehToken(alice), bokehToken(bob)
	made := map[string]any{"session_id": "made-up", "session_expiry": 1 << 40, "cookies": map[string]string{}, "arguments": map[string]string{},
		"headers": map[string]string{"X-User-Email": "alice@example.com", "X-User-Name": "Alice"}}
	b, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ what, token, want string }{
		{"his own token", his, "bob@example.com"},
		{"one that he made", base64.RawURLEncoding.EncodeToString(b), "nobody"},
		{"one that he made and signed", base64.RawURLEncoding.EncodeToString(b) + "." + strings.Repeat("A", 43), "nobody"},
		{"alice's token", hers, "nobody"},
	} {
		if got := bokehOpens(bob, tt.token); got != tt.want {
			t.Errorf("bob connects with %s, and the app says it is %q, want %q", tt.what, got, tt.want)
		}
	}

	headers, cookies := bokehPayload(t, hers)
	if want := []string{"X-User-Email", "X-User-Id", "X-User-Name"}; !slices.Equal(headers, want) || len(cookies) > 0 {
		t.Errorf("scripts in alice's page can read the headers %v and the cookies %v, want %v and none", headers, cookies, want)
	}

	link := alice.Another(t)
	link.Open(d.gate.URL + "/app?bokeh-session-id=planted")
	link.WaitText("main", "This link would open a session of the app's that its maker chose")
	link.Close()
}

// bokehToken is what a page has to connect with.
func bokehToken(p *stage.Tab) string {
	return p.Eval(`document.documentElement.outerHTML.match(/"token":"([^"]+)"/)?.[1] ?? ""`)
}

// bokehOpens connects as a page does that has the token, and returns whom the app takes
// it to be for; "nobody" when it shows nothing.
func bokehOpens(p *stage.Tab, token string) string {
	return p.Eval(fmt.Sprintf(`new Promise(done => {
		const ws = new WebSocket(location.origin.replace("http", "ws") + "/app/ws", ["bokeh", %q])
		let heard = "", parts = 0
		ws.onmessage = m => {
			heard += m.data
			if (++parts == 3) // all of its ACK: only now it listens
				['{"msgid":"1","msgtype":"PULL-DOC-REQ"}', "{}", "{}"].forEach(m => ws.send(m))
			const who = heard.match(/Your address is ([^<&]+)/)
			if (who) { ws.close(); done(who[1]) }
		}
		ws.onclose = () => done("nobody")
		setTimeout(() => done("nobody"), 2000)
	})`, token))
}

// bokehPayload returns the names of the headers and cookies in a token.
func bokehPayload(t *testing.T, token string) (headers, cookies []string) {
	t.Helper()
	encoded, _, _ := strings.Cut(token, ".")
	var outer struct {
		Packed string `json:"__bk__zlib_"`
	}
	var inner struct{ Headers, Cookies map[string]string }
	b, err := base64.RawURLEncoding.DecodeString(encoded)
	if err == nil {
		err = json.Unmarshal(b, &outer)
	}
	if err == nil {
		b, err = base64.RawURLEncoding.DecodeString(outer.Packed)
	}
	if err != nil {
		t.Fatalf("the page's token %q: %v", token, err)
	}
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err == nil {
		err = json.NewDecoder(z).Decode(&inner)
	}
	if err != nil {
		t.Fatalf("the page's token %q: %v", token, err)
	}
	return slices.Sorted(maps.Keys(inner.Headers)), slices.Sorted(maps.Keys(inner.Cookies))
}

func bokehLogOut(t *testing.T, d *dashboard, p *stage.Tab) {
	t.Helper()
	waitDeep(t, p, "#logout", "Log out")
	p.Eval(deep("#logout", "e.click()"))
	p.WaitText("main", "You are signed out")
	d.wantSignedOut(p)
}

// deep is an expression that does something with the first element e that matches,
// in the page or in any shadow tree of it, where Bokeh draws; "" if there is none.
func deep(css, do string) string {
	return fmt.Sprintf(`(() => {
		const find = root => {
			const found = root.querySelector(%q)
			if (found) return found
			for (const e of root.querySelectorAll("*")) {
				const inner = e.shadowRoot && find(e.shadowRoot)
				if (inner) return inner
			}
		}
		const e = find(document)
		if (!e) return ""
		return String((() => { %s })() ?? "")
	})()`, css, asStatement(do))
}

func asStatement(do string) string {
	if strings.HasPrefix(do, "{") {
		return do
	}
	return "return " + do
}

// waitDeep waits until the element that deep finds holds the text.
func waitDeep(t *testing.T, p *stage.Tab, css, want string) {
	t.Helper()
	var got string
	rig.Eventually(t, func() string { return fmt.Sprintf("%s = %q, want %q in it\n%s", css, got, want, p.State()) }, func() bool {
		got = p.Eval(deep(css, "e.innerText"))
		return strings.Contains(got, want)
	})
}
