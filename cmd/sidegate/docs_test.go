package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sidegate/config"
	"sidegate/login"
	"sidegate/proxy"
	"sidegate/proxy/apps"
	"sidegate/test/parts"
	"sidegate/tokens"
	"sidegate/web"
)

// manual returns the README and what else people read, by its path in the checkout.
func manual(t *testing.T) map[string]string {
	t.Helper()
	root := checkout(t)
	pages := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			pages[filepath.ToSlash(name)] = string(text)
		}
	}
	if pages["README.md"] == "" || pages["docs/headers.md"] == "" {
		t.Fatal("the manual is not where it was")
	}
	return pages
}

func checkout(t *testing.T) string {
	t.Helper()
	root, err := parts.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// docs/settings.md ends with the table of the code. UPDATE_SETTINGS=1 writes it anew.
func TestTheDocsHoldTheSettings(t *testing.T) {
	path := filepath.Join(checkout(t), "docs", "settings.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const heading = "\n## All settings\n\n"
	before, _, ok := strings.Cut(string(page), heading)
	if !ok {
		t.Fatalf("%s has no table", path)
	}
	want := before + heading + config.Table()
	if os.Getenv("UPDATE_SETTINGS") == "1" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(page) != want {
		t.Errorf("%s does not end with the settings as they are; UPDATE_SETTINGS=1 go test ./cmd/sidegate writes them", path)
	}
}

// A setting that was renamed or taken away is nowhere in the manual any more, nor one
// that was never there.
func TestTheManualNamesOnlySettingsThatThereAre(t *testing.T) {
	known := []string{"SIDEGATE_IMAGE"} // a variable of the compose recipe's
	for _, s := range config.Settings() {
		known = append(known, s.Name)
		if s.Secret {
			known = append(known, s.Name+"_FILE")
		}
	}
	for _, s := range config.FurtherSettings() { // by the names of the manual's examples
		for _, provider := range []string{"OKTA", "PARTNER"} {
			name := strings.Replace(s.Name, "<NAME>", provider, 1)
			known = append(known, name)
			if s.Secret {
				known = append(known, name+"_FILE")
			}
		}
	}
	for name, page := range manual(t) {
		for _, setting := range regexp.MustCompile(`\bSIDEGATE_[A-Z0-9_]*[A-Z0-9]`).FindAllString(page, -1) {
			if !slices.Contains(known, setting) {
				t.Errorf("%s names %s, which is no setting", name, setting)
			}
		}
	}
}

// Each `sidegate …` of the manual, in a line of a shell or in the text, is a command.
func TestTheManualNamesOnlyCommandsThatThereAre(t *testing.T) {
	inText := regexp.MustCompile("`sidegate ([a-z]+)")
	inShell := regexp.MustCompile(`(?m)^\s*(?:sudo |[A-Z_]+=\S+ )*(?:\./|go run \./cmd/)?sidegate ([a-z]+)`)
	shell := regexp.MustCompile("(?s)```sh\n(.*?)```")
	for name, page := range manual(t) {
		called := inText.FindAllStringSubmatch(page, -1)
		for _, block := range shell.FindAllStringSubmatch(page, -1) {
			called = append(called, inShell.FindAllStringSubmatch(block[1], -1)...)
		}
		for _, c := range called {
			if verbNamed(c[1]).run == nil {
				t.Errorf("%s calls %q, and there is no such command", name, c[0])
			}
		}
	}
}

// Whoever follows a link of the manual arrives: at a file, and at the heading.
func TestLinksOfTheManualLeadSomewhere(t *testing.T) {
	root, pages := checkout(t), manual(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"`)
	code := regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	for name, page := range pages {
		for _, found := range link.FindAllStringSubmatch(code.ReplaceAllString(page, ""), -1) {
			target := found[1] + found[2]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(target, "#")
			to := name
			if file != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(name), file))
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s, which is not there", name, target)
			} else if anchor != "" && !slices.Contains(anchors(pages[to]), anchor) {
				t.Errorf("%s links to %s, and %s has no such heading; it has %v", name, target, to, anchors(pages[to]))
			}
		}
	}
}

// anchors are the names that a page's headings get where it is shown: in small letters,
// blanks as hyphens, without other signs.
func anchors(page string) (all []string) {
	page = regexp.MustCompile("(?s)```.*?```").ReplaceAllString(page, "")
	for _, h := range regexp.MustCompile(`(?m)^#+ +(.*)$`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(h[1]), "")
		all = append(all, strings.ReplaceAll(strings.TrimSpace(name), " ", "-"))
	}
	return all
}

// What the manual says a test shows has such a test.
func TestTheManualNamesOnlyTestsThatThereAre(t *testing.T) {
	var source strings.Builder
	list, err := exec.Command("go", "list", "-f", `{{$d := .Dir}}{{range .TestGoFiles}}{{$d}}/{{.}}
{{end}}{{range .XTestGoFiles}}{{$d}}/{{.}}
{{end}}`, "sidegate/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, path := range strings.Fields(string(list)) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	named := 0
	for name, page := range manual(t) {
		for _, test := range regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`).FindAllString(page, -1) {
			named++
			if !strings.Contains(source.String(), "\nfunc "+test+"(") {
				t.Errorf("%s names %s, and there is no such test", name, test)
			}
		}
	}
	if named < 40 {
		t.Errorf("the manual names %d tests; docs/security.md has more", named)
	}
}

// docs/paths.md has every path of ours on the public listener.
func TestTheManualHasEveryPath(t *testing.T) {
	page := manual(t)["docs/paths.md"]
	own := ownPaths(&login.Login{}, &proxy.Gate{}, &proxy.Assertions{}, &web.Site{Notice: true})
	for path := range own {
		if path != "/_gate/callback" && !strings.Contains(page, " "+path+"`") && !strings.Contains(page, " "+path+"?") {
			t.Errorf("docs/paths.md does not have %s", path)
		}
	}
	for _, path := range []string{"/_gate/callback", login.ConnectPath, tokens.DisconnectPath, "/healthz", "/readyz", "/metrics", "/sessions", "/sessions/revoke", "/token"} {
		if !strings.Contains(page, path) {
			t.Errorf("docs/paths.md does not have %s", path)
		}
	}
}

// Settings that the manual shows as a whole file are taken as they are.
func TestTheManualsSettingsAreTaken(t *testing.T) {
	blocks := 0
	for name, page := range manual(t) {
		for _, block := range regexp.MustCompile("(?s)```ini\n(.*?)```").FindAllStringSubmatch(page, -1) {
			blocks++
			set := []string{"CLIENT_ID=id", "CLIENT_SECRET=secret"} // where the unit beside it names a file
			for _, line := range strings.Fields(block[1]) {
				set = append(set, strings.TrimPrefix(line, "SIDEGATE_"))
			}
			settings(t, set...)
			if code, _, err := do("config"); code != 0 {
				t.Errorf("%s: code %d, %s", name, code, err)
			}
		}
	}
	if blocks < 2 {
		t.Errorf("the manual has %d whole files of settings, want two", blocks)
	}
}

// systemd finds no fault with the unit of docs/deploy.md.
func TestTheManualsUnitIsAUnit(t *testing.T) {
	page := manual(t)["docs/deploy.md"]
	block := regexp.MustCompile("(?s)```systemd\n(.*?)```").FindStringSubmatch(page)
	if block == nil {
		t.Fatal("docs/deploy.md has no unit")
	}
	verifyUnit(t, block[1])
}

// What the manual says to tell Streamlit is what its preset tells it.
func TestTheManualTellsStreamlitWhatRunTells(t *testing.T) {
	for _, line := range newRecipe(apps.Named("streamlit"), "").Environment {
		name, value, _ := strings.Cut(line, "=")
		if name == "STREAMLIT_SERVER_TRUSTED_USER_HEADERS" && !strings.Contains(manual(t)["docs/migrate.md"], name+"='"+value+"'") {
			t.Errorf("docs/migrate.md does not have %s", line)
		}
	}
}
