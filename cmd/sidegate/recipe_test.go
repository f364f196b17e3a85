package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sidegate/proxy/apps"
	"sidegate/test/need"
	"sidegate/test/parts"
)

func recipeOf(t *testing.T, app apps.App, form string) string {
	t.Helper()
	var b bytes.Buffer
	if err := writeRecipe(&b, app, form); err != nil {
		t.Fatalf("%s %s: %v", app.Name, form, err)
	}
	return b.String()
}

// document is a YAML document, as far as these tests look into it.
type document struct {
	Kind     string
	Data     map[string]string
	Services map[string]struct {
		Image       string
		Command     any
		Environment map[string]string
		NetworkMode string `yaml:"network_mode"`
	}
	Configs map[string]struct{ Content string }
	Spec    struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Name string
					Env  []struct {
						Name, Value string
						ValueFrom   struct {
							SecretKeyRef struct{ Key string } `yaml:"secretKeyRef"`
						} `yaml:"valueFrom"`
					}
				}
			}
		}
	}
}

func documents(t *testing.T, text string) (all []document) {
	t.Helper()
	for d := yaml.NewDecoder(strings.NewReader(text)); ; {
		var doc document
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("not YAML: %v\n%s", err, text)
		}
		all = append(all, doc)
	}
}

// The recipes tell an app what `sidegate run` tells it, to the letter, and give it the
// preset and the files that its preset names.
func TestRecipesSayWhatThePresetsDo(t *testing.T) {
	for _, app := range apps.All() {
		want := newRecipe(app, "--compose").Variables
		if len(want) < 2 || app.Recipe.Port == "" || app.Recipe.Who == "" || app.Recipe.Tested == "" {
			t.Errorf("%s: its recipe lacks a port, who is signed in, or what it rests on", app.Name)
		}
		shell := recipeOf(t, app, "")
		for _, line := range newRecipe(app, "").Environment {
			if line = strings.ReplaceAll(line, appSecret, "(a secret of its own)"); !strings.Contains(shell, "#   "+line+"\n") {
				t.Errorf("%s: the recipe does not say %s", app.Name, line)
			}
		}
		if err := exec.Command("sh", "-n", "-c", shell).Run(); err != nil {
			t.Errorf("%s: the recipe is no shell script: %v", app.Name, err)
		}

		compose := documents(t, recipeOf(t, app, "--compose"))[0]
		service := compose.Services["app"]
		for _, v := range want {
			if service.Environment[v.Name] != v.Value {
				t.Errorf("%s: by compose %s is %q, want %q", app.Name, v.Name, service.Environment[v.Name], v.Value)
			}
		}
		if service.NetworkMode != "service:sidegate" || compose.Services["sidegate"].Environment["SIDEGATE_APP"] != app.Name {
			t.Errorf("%s: by compose the app is not behind a sidegate that knows it: %+v", app.Name, compose.Services)
		}

		var data map[string]string
		var env []variable
		for _, d := range documents(t, recipeOf(t, app, "--kubernetes")) {
			switch d.Kind {
			case "ConfigMap":
				data = d.Data
			case "Deployment":
				for _, v := range d.Spec.Template.Spec.Containers[1].Env {
					if v.ValueFrom.SecretKeyRef.Key == "app-secret" {
						v.Value = appSecret
					}
					env = append(env, variable{v.Name, v.Value, v.Value == appSecret})
				}
			}
		}
		if want := newRecipe(app, "--kubernetes").Variables; !slices.Equal(env, want) {
			t.Errorf("%s: in Kubernetes the app is told %v, want %v", app.Name, env, want)
		}
		for n, file := range app.Recipe.Files {
			if got := data[filepath.Base(file.Name)]; got != file.Content {
				t.Errorf("%s: in Kubernetes %s is %q, want %q", app.Name, file.Name, got, file.Content)
			}
			got := compose.Configs["file"+string(rune('0'+n))].Content
			if strings.ReplaceAll(got, "$$", "$") != file.Content {
				t.Errorf("%s: by compose %s is %q, want %q", app.Name, file.Name, got, file.Content)
			}
			if !strings.Contains(shell, "cat > "+file.Name+" <<'END_OF_FILE'\n"+file.Content+"END_OF_FILE\n") {
				t.Errorf("%s: the shell's recipe does not write %s", app.Name, file.Name)
			}
		}
		for _, setting := range app.Recipe.Settings {
			for form := range recipeForms() {
				if text := recipeOf(t, app, form); !strings.Contains(text, strings.SplitN(setting, "=", 2)[0]) {
					t.Errorf("%s %s: does not set SIDEGATE_%s", app.Name, form, setting)
				}
			}
		}
	}
}

// systemd itself finds no fault with the units.
func TestUnitsAreUnits(t *testing.T) {
	for _, app := range apps.All() {
		verifyUnit(t, recipeOf(t, app, "--systemd"))
	}
}

// verifyUnit has systemd read a unit, with a program where sidegate should be.
func verifyUnit(t *testing.T, text string) {
	t.Helper()
	verify := need.Program(t, "systemd-analyze", "systemd")
	dir := t.TempDir()
	program, unit := filepath.Join(dir, "sidegate"), filepath.Join(dir, "sidegate.service")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(text, "/usr/local/bin/sidegate", program)
	if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(verify, "verify", unit).CombinedOutput(); err != nil || strings.Contains(string(out), unit) {
		t.Errorf("%v %s\n%s", err, out, text)
	}
}

// A shell gets each word of a command as the preset has it.
func TestARecipesCommandIsWhatAShellReads(t *testing.T) {
	words := []string{"Rscript", "-e", "shiny::runApp(port = 1)", "it's", "$HOME", "a\\b", "--x=1", "{port}"}
	out, err := exec.Command("sh", "-c", `printf '%s\n' `+shellWords(words)).Output()
	if err != nil || string(out) != strings.Join(words, "\n")+"\n" {
		t.Errorf("a shell reads %q as %q (%v)", shellWords(words), out, err)
	}
}

func TestRecipeExplainsItself(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"", "needs the name of an app. There are: "},
		{"exel", `no recipe for "exel". There are: `},
		{"streamlit --swarm", `does not know "--swarm"`},
		{"streamlit dash", `does not know "dash"`},
	} {
		if code, _, out := do(append([]string{"recipe"}, strings.Fields(tt.args)...)...); code != 1 || !strings.Contains(out, tt.want) {
			t.Errorf("recipe %s: code %d, %q; want %q", tt.args, code, out, tt.want)
		}
	}
	for _, args := range []string{"streamlit --compose", "--compose streamlit"} {
		if code, out, _ := do(append([]string{"recipe"}, strings.Fields(args)...)...); code != 0 || !strings.Contains(out, "services:") {
			t.Errorf("recipe %s: code %d, %q", args, code, out)
		}
	}
}

// docs/dashboards.md ends with the recipes as the command prints them. UPDATE_RECIPES=1
// writes them anew.
func TestTheDocsHoldTheRecipes(t *testing.T) {
	root, err := parts.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "docs", "dashboards.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const heading = "\n## Recipes\n"
	before, _, ok := strings.Cut(string(page), heading)
	if !ok {
		t.Fatalf("%s has no recipes", path)
	}
	var want strings.Builder
	want.WriteString(before + heading + "\nAs `sidegate recipe APP` prints them; with `--compose`, `--systemd` or `--kubernetes` it prints that file, complete.\n")
	all := apps.All()
	slices.SortFunc(all, func(a, b apps.App) int { return strings.Compare(a.Name, b.Name) })
	for _, app := range all {
		want.WriteString("\n### " + app.Title + "\n\n```sh\n" + recipeOf(t, app, "") + "```\n")
	}
	if os.Getenv("UPDATE_RECIPES") == "1" {
		if err := os.WriteFile(path, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(page) != want.String() {
		t.Errorf("%s does not end with the recipes as they are; UPDATE_RECIPES=1 go test ./cmd/sidegate writes them", path)
	}
}
