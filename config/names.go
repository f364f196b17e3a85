package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sidegate/explain"
)

// Setting describes one setting to people.
type Setting struct {
	Name        string // the variable, with its prefix
	Default     string // empty: none
	Description string // one line
	Secret      bool   // never shown; Name_FILE may name a file that holds it
}

// Settings lists all settings in the order of the table. The NAME_FILE of a
// secret is no setting of its own.
func Settings() []Setting {
	var all []Setting
	new(Raw).each(func(tag reflect.StructTag, name string, _ *string) {
		if tag.Get("desc") == "" {
			return
		}
		all = append(all, settingOf(tag, name))
	})
	return all
}

func settingOf(tag reflect.StructTag, name string) Setting {
	return Setting{
		Name:        prefix + "_" + name,
		Default:     tag.Get("def"),
		Description: tag.Get("desc"),
		Secret:      tag.Get("secret") == "true",
	}
}

// Table is the settings as a Markdown table, those of a further provider after the
// list of providers.
func Table() string {
	var b strings.Builder
	b.WriteString("| name | default | meaning |\n|---|---|---|\n")
	all := Settings()
	at := slices.IndexFunc(all, func(s Setting) bool { return s.Name == prefix+"_PROVIDERS" })
	for _, s := range slices.Insert(all, at+1, FurtherSettings()...) {
		name, def := "`"+s.Name+"`", "–"
		if s.Secret {
			name += " or `" + s.Name + "_FILE`"
		}
		if s.Default != "" {
			def = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, def, strings.ReplaceAll(s.Description, "|", `\|`))
	}
	return b.String()
}

// knownNames are all variables that can be set, those of the further providers that
// the environment itself lists included.
func knownNames(environ []string) (known []string) {
	new(Raw).each(func(_ reflect.StructTag, name string, _ *string) {
		known = append(known, prefix+"_"+name)
	})
	for _, e := range environ {
		list, found := strings.CutPrefix(e, prefix+"_PROVIDERS=")
		if !found {
			continue
		}
		for _, provider := range providerNames(list) {
			new(RawProvider).each(func(_ reflect.StructTag, name string, _ *string) {
				known = append(known, prefix+"_"+strings.ToUpper(provider)+"_"+name)
			})
		}
	}
	return known
}

// unlisted returns the name of the provider that a variable seems to be of; empty: of
// none.
func unlisted(name string) (provider string) {
	first, setting, _ := strings.Cut(strings.TrimPrefix(name, prefix+"_"), "_")
	provider = strings.ToLower(first)
	isOne := false
	new(RawProvider).each(func(_ reflect.StructTag, s string, _ *string) { isOne = isOne || s == setting })
	if !isOne || first != strings.ToUpper(first) || providerNameProblem(provider) != "" {
		return ""
	}
	return provider
}

func unknownNames(environ []string) error {
	known := knownNames(environ)
	inKubernetes := slices.ContainsFunc(environ, func(e string) bool {
		return strings.HasPrefix(e, "KUBERNETES_SERVICE_HOST=")
	})
	var faults []error
	for _, e := range slices.Sorted(slices.Values(environ)) {
		name, _, _ := strings.Cut(e, "=")
		upper := strings.ToUpper(name)
		switch {
		case !strings.HasPrefix(upper, prefix+"_"), slices.Contains(known, name):
		case inKubernetes && isServiceLink(name):
		default:
			f := &Fault{
				Name:    strings.Trim(strconv.Quote(name), `"`),
				Problem: "is not a setting; the nearest known name is " + explain.NearestOf(upper, known),
			}
			if provider := unlisted(name); provider != "" {
				f.Problem = fmt.Sprintf("is not a setting while %s_PROVIDERS does not list %s; the nearest known name is %s",
					prefix, provider, explain.NearestOf(upper, known))
			}
			faults = append(faults, f)
		}
	}
	return errors.Join(faults...)
}

// isServiceLink reports whether Kubernetes made the variable: every pod gets such
// ones for each Service, and one whose Service is called sidegate or sidegate-… has
// our prefix. Nobody wrote it, so it must not stop the start; no setting has this
// shape.
func isServiceLink(name string) bool {
	return regexp.MustCompile(`^SIDEGATE_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|` +
		`PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`).MatchString(name)
}
