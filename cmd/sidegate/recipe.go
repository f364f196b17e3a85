package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"
	"text/template"

	"sidegate/proxy/apps"
)

//go:embed recipes
var recipeFiles embed.FS

// recipeForms are the forms of a recipe by their flag, and the file each is made from.
func recipeForms() map[string]string {
	return map[string]string{
		"": "run.sh", "--compose": "compose.yaml", "--systemd": "systemd.ini", "--kubernetes": "kubernetes.yaml",
	}
}

// parseRecipe reads "APP [--compose|--systemd|--kubernetes]", in any order.
func parseRecipe(args []string) (app apps.App, form string, err error) {
	for _, a := range args {
		switch _, known := recipeForms()[a]; {
		case a != "" && known:
			form = a
		case app.Name == "" && apps.Named(a).Name != "":
			app = apps.Named(a)
		case app.Name == "":
			return app, "", fmt.Errorf("there is no recipe for %q. There are: %s", a, strings.Join(appTitles(), ", "))
		default:
			return app, "", fmt.Errorf("recipe does not know %q: it takes the name of an app and one of --compose, --systemd, --kubernetes", a)
		}
	}
	if app.Name == "" {
		return app, "", fmt.Errorf("recipe needs the name of an app. There are: %s", strings.Join(appTitles(), ", "))
	}
	return app, form, nil
}

func appTitles() []string {
	var names []string
	for _, a := range apps.All() {
		names = append(names, a.Name)
	}
	return names
}

// recipeCommand: sidegate recipe APP [--compose|--systemd|--kubernetes].
func recipeCommand(args []string, to streams) error {
	app, form, err := parseRecipe(args)
	if err != nil {
		return err
	}
	return writeRecipe(to.out, app, form)
}

// recipe is what the files in recipes are filled with: fields, as templates call no
// methods, see release/slim.
type recipe struct {
	App         apps.App
	Recipe      apps.Recipe // the app's own part
	Tested      string      // what the recipe rests on, a sentence
	Public      string      // where browsers will find it
	Base        string      // image that the app's is built from
	Environment []string    // what the app is told, as `sidegate run` tells it
	Variables   []variable  // that, and what any app may go by
	Settings    []variable  // of sidegate, besides the usual ones
	Command     []string    // starts the app on its usual port; none: it is a service of its own
}

// writeRecipe prints one form of an app's recipe, complete but for what only its
// reader knows.
func writeRecipe(w io.Writer, app apps.App, form string) error {
	t, err := template.New("").Funcs(template.FuncMap{
		"join": shellWords,
		"json": jsonText, "quote": jsonText, // a JSON string is a YAML one
		"indent": indent, "comment": func(s string) string { return prefixed("#   ", s) },
		"base": path.Base, "target": func(name string) string { return path.Join("/app", name) },
		"dollars": func(s string) string { return strings.ReplaceAll(s, "$", "$$") }, // compose would fill them in
		"unit":    unitSetting,
		"public":  func(line string) string { return strings.ReplaceAll(line, appSecret, "(a secret of its own)") },
	}).ParseFS(recipeFiles, "recipes/*")
	if err != nil {
		return err
	}
	return t.ExecuteTemplate(w, recipeForms()[form], newRecipe(app, form))
}

func newRecipe(app apps.App, form string) recipe {
	public := "http://localhost:8080"
	if form == "--systemd" || form == "--kubernetes" {
		public = "https://app.example.com" // to be replaced, as everywhere in the file
	}
	told := environment(app, public)
	return recipe{
		App: app, Recipe: app.Recipe, Tested: tested(app.Recipe), Public: public, Base: "python:3.13-slim",
		Environment: told, Variables: variables(append([]string{"HOST=127.0.0.1", "PORT=" + app.Recipe.Port}, told...)),
		Settings: variables(app.Recipe.Settings), Command: onPort(app.Recipe),
	}
}

func tested(r apps.Recipe) string {
	if strings.HasPrefix(r.Tested, "test/") {
		return "Its tests try it: " + r.Tested + "."
	}
	return "This is " + r.Tested + "."
}

// appSecret stands for a secret of the app's own: compose takes it from .env.
const appSecret = "${APP_SECRET:?set it in .env}"

func environment(app apps.App, address string) []string {
	if app.Environment == nil {
		return nil
	}
	public, err := url.Parse(address)
	if err != nil {
		return nil
	}
	return app.Environment(apps.Place{Host: "127.0.0.1", Port: app.Recipe.Port, Public: public, Secret: appSecret})
}

// variable is one of an environment.
type variable struct {
	Name, Value string
	IsSecret    bool // one that no file should hold
}

func variables(env []string) []variable {
	var all []variable
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		all = append(all, variable{name, value, value == appSecret})
	}
	return all
}

func onPort(r apps.Recipe) []string {
	var words []string
	for _, w := range r.Command {
		words = append(words, strings.ReplaceAll(w, "{port}", r.Port))
	}
	return words
}

// shellWords writes a command for a shell, and for a unit file, which reads the same
// quotes (systemd.syntax(7)).
func shellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if strings.ContainsAny(w, " \t\n'\"\\$`&|;<>()*?[]#~!") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}

func jsonText(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSpace(b.String()), err
}

func indent(n int, s string) string { return prefixed(strings.Repeat(" ", n), s) }

// prefixed puts prefix before each line that is not empty.
func prefixed(prefix, s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(prefix)
		}
		b.WriteString(line)
	}
	return strings.TrimRight(b.String(), "\n")
}

// unitSetting quotes a setting for a unit file, where % begins a specifier
// (systemd.unit(5)).
func unitSetting(s string) string {
	return `"SIDEGATE_` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(s) + `"`
}
