package main

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// listed is what `go list -json` tells of a package.
type listed struct {
	ImportPath string
	Doc        string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Doc,Imports", "sidegate/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p listed
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// mayImport is the plan of the house: which of our packages each may import.
// cmd and test may import all; what is not listed may import nothing of ours.
func mayImport() map[string][]string {
	return map[string][]string{
		"access":              {"identity"},
		"config":              {"explain"},
		"login":               {"access", "explain", "identity", "session", "web"},
		"login/logintest":     {},
		"proxy":               {"access", "identity", "session", "web", "proxy/apps", "upstream"},
		"session":             {"identity"},
		"session/filestore":   {"session"},
		"session/redisstore":  {"session"},
		"session/sessiontest": {"session", "test/need"},
		"tokens":              {"session", "web"},
		"demo":                {"web"},
		"web":                 {"explain"},
		"doctor":              {"explain"},
		"setup":               {"doctor", "explain"},
	}
}

// doors are the third-party modules that one package alone may use.
func doors() map[string][]string {
	return map[string][]string{
		"github.com/kelseyhightower/envconfig": {"config"},
		"golang.org/x/oauth2":                  {"login"},
		"golang.org/x/net":                     {"proxy"},
		"github.com/coreos/go-oidc/v3":         {"login"},
		"github.com/redis/go-redis/v9":         {"session/redisstore"},
		"go.etcd.io/bbolt":                     {"session/filestore"},
		"github.com/zitadel/oidc/v3":           {"demo"},
		"google.golang.org/protobuf":           {"proxy/apps"},
		"github.com/coder/websocket":           {"demo"},
		"github.com/go-jose/go-jose/v4":        {"demo", "login/logintest", "proxy"},
	}
}

func TestPackagesImportOnlyWhatThePlanAllows(t *testing.T) {
	plan, doorOf := mayImport(), doors()
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "sidegate/")
		if strings.HasPrefix(name, "cmd/") || strings.HasPrefix(name, "test/") {
			continue
		}
		for _, imported := range p.Imports {
			if ours, ok := strings.CutPrefix(imported, "sidegate/"); ok {
				if !slices.Contains(plan[name], ours) {
					t.Errorf("%s imports %s, which the plan of the house does not allow", name, ours)
				}
				continue
			}
			if module, known := moduleOf(imported, doorOf); known && !slices.Contains(doorOf[module], name) {
				t.Errorf("%s imports %s; only %v may", name, imported, doorOf[module])
			} else if !known && strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") {
				t.Errorf("%s imports %s, a dependency without a door of its own", name, imported)
			}
		}
	}
}

func moduleOf(path string, doorOf map[string][]string) (string, bool) {
	for module := range doorOf {
		if path == module || strings.HasPrefix(path, module+"/") {
			return module, true
		}
	}
	return "", false
}

func TestNoPackageOfTheProgramImportsTesting(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "sidegate/cmd/sidegate").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	if slices.Contains(strings.Fields(string(out)), "testing") {
		t.Error("the program contains package testing")
	}
}

// The container image is built without the demo, whose provider is large.
func TestTheImagesProgramHasNoDemo(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-tags", "nodemo", "sidegate/cmd/sidegate").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, p := range strings.Fields(string(out)) {
		if p == "sidegate/demo" || strings.HasPrefix(p, "github.com/zitadel/") {
			t.Errorf("the program in the image contains %s", p)
		}
	}
}

func TestEveryPackageSaysWhyItExists(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" && !strings.HasSuffix(p.ImportPath, "/e2e") && !strings.HasSuffix(p.ImportPath, "/image") && !strings.HasSuffix(p.ImportPath, "/dashboards") {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
