package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The names are computed here and by envconfig: they have to agree.
func TestEveryFieldReadsItsPrefixedVariable(t *testing.T) {
	new(Raw).each(func(_ reflect.StructTag, name string, _ *string) {
		t.Setenv("SIDEGATE_"+name, "value of "+name)
	})
	raw, err := FromEnvAlone()
	if err != nil {
		t.Fatal(err)
	}
	raw.each(func(_ reflect.StructTag, name string, value *string) {
		if got, want := *value, "value of "+name; got != want {
			t.Errorf("SIDEGATE_%s: got %q, want %q", name, got, want)
		}
	})
}

func TestUnprefixedVariablesAreNobodysBusiness(t *testing.T) {
	new(Raw).each(func(_ reflect.StructTag, name string, _ *string) {
		t.Setenv(name, "somebody else's")
	})
	raw, err := FromEnv()
	if err != nil || !reflect.DeepEqual(raw, Raw{}) {
		raw.each(func(_ reflect.StructTag, name string, value *string) {
			if *value != "" {
				t.Errorf("%s was read", name)
			}
		})
		t.Errorf("got error %v", err)
	}
}

func TestSetButEmptyCountsAsNotSet(t *testing.T) {
	new(Raw).each(func(_ reflect.StructTag, name string, _ *string) {
		t.Setenv("SIDEGATE_"+name, "")
	})
	_, err := Load()
	want := []string{"CLIENT_ID", "CLIENT_SECRET", "ALLOWED_DOMAINS", "UPSTREAM"}
	if got := faultNames(err); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for name, value := range minimal() {
		t.Setenv("SIDEGATE_"+name, value)
	}
	got, err := Load()
	if want := mustParse(t, minimal()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want the defaults %+v", got, err, want)
	}
}

// SEC-CFG-02, SEC-DOM-14: a misspelt allow-list that is ignored would be a hole.
func TestUnknownNamesAreRefusedWithTheNearest(t *testing.T) {
	const value = "canary-canary"
	for name, nearest := range map[string]string{
		"SIDEGATE_ALLOWED_DOMAIN":    "ALLOWED_DOMAINS",
		"SIDEGATE_ALLOWED_EMAIL_S":   "ALLOWED_EMAILS",
		"SIDEGATE_ALOW_ANYONE":       "ALLOW_ANYONE",
		"SIDEGATE_UPSTREEM":          "UPSTREAM",
		"SIDEGATE_upstream":          "UPSTREAM",
		"sidegate_upstream":          "UPSTREAM",
		"SIDEGATE_CLIENTSECRET":      "CLIENT_SECRET",
		"SIDEGATE_CLIENT_SECRETFILE": "CLIENT_SECRET_FILE",
		"SIDEGATE_REDIRECT_URL":      "PUBLIC_URL",
		"SIDEGATE_PORT":              "LOGO",
		"SIDEGATE_":                  "",
		"SIDEGATE_DRAIN\x1b[2J\n":    "DRAIN",
	} {
		err := unknownNames([]string{"PATH=/bin", "SIDEGATE_UPSTREAM=x", "SIDEGATE_SECRET_FILE=x", name + "=" + value})
		if err == nil {
			t.Errorf("%q: accepted", name)
			continue
		}
		want := "the nearest known name is SIDEGATE_" + nearest
		if got := err.Error(); !strings.HasSuffix(got, want) && nearest != "" || strings.Contains(got, value) || strings.ContainsAny(got, "\n\x1b") {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	if err := unknownNames([]string{"SIDEGATEWAY=x", "MY_SIDEGATE_X=x", "A=SIDEGATE_X=y"}); err != nil {
		t.Errorf("foreign names: got %v", err)
	}
}

func TestServiceLinksOfKubernetesAreIgnoredThere(t *testing.T) {
	links := []string{
		"SIDEGATE_SERVICE_HOST=10.0.0.1", "SIDEGATE_SERVICE_PORT=80", "SIDEGATE_SERVICE_PORT_HTTP=80", "SIDEGATE_PORT=tcp://10.0.0.1:80",
		"SIDEGATE_PORT_80_TCP=tcp://10.0.0.1:80", "SIDEGATE_PORT_80_TCP_PROTO=tcp", "SIDEGATE_PORT_80_TCP_PORT=80",
		"SIDEGATE_PORT_80_TCP_ADDR=10.0.0.1", "SIDEGATE_SALES_2_SERVICE_HOST=10.0.0.1",
	}
	if err := unknownNames(append(links, "KUBERNETES_SERVICE_HOST=10.0.0.1")); err != nil {
		t.Errorf("in Kubernetes: %v", err)
	}
	if got := len(faultNames(unknownNames(links))); got != len(links) {
		t.Errorf("elsewhere: got %d faults, want %d", got, len(links))
	}
	if unknownNames([]string{"KUBERNETES_SERVICE_HOST=10.0.0.1", "SIDEGATE_ALLOWED_DOMAIN=x"}) == nil {
		t.Error("in Kubernetes: a misspelt name was accepted")
	}
	for _, s := range Settings() {
		if isServiceLink(s.Name) || isServiceLink(s.Name+"_FILE") {
			t.Errorf("%s looks like a service link", s.Name)
		}
	}
}

func TestTableHasEverySetting(t *testing.T) {
	table := Table()
	rows := strings.Split(strings.TrimSpace(table), "\n")
	if got, want := len(rows), 2+len(Settings())+len(FurtherSettings()); got != want {
		t.Fatalf("got %d lines, want %d", got, want)
	}
	new(Raw).each(func(tag reflect.StructTag, name string, _ *string) {
		if !strings.Contains(table, "`SIDEGATE_"+name+"`") {
			t.Errorf("%s is not in the table", name)
		}
		if tag.Get("example") == "" {
			t.Errorf("%s has no example of right", name)
		}
	})
	new(RawProvider).each(func(tag reflect.StructTag, name string, _ *string) {
		if !strings.Contains(table, "`SIDEGATE_<NAME>_"+name+"`") {
			t.Errorf("%s of a further provider is not in the table", name)
		}
		if tag.Get("example") == "" {
			t.Errorf("%s of a further provider has no example of right", name)
		}
	})
	for _, row := range rows {
		if got := strings.Count(row, "|") - strings.Count(row, `\|`); got != 4 {
			t.Errorf("%d columns' borders, want 4: %s", got, row)
		}
	}
	if want := "| `SIDEGATE_DRAIN` | `10s` | how long"; !strings.Contains(table, want) {
		t.Errorf("no %q in\n%s", want, table)
	}
	want := Setting{Name: "SIDEGATE_SESSION_STORE", Default: "memory:", Secret: true}
	if !slices.ContainsFunc(Settings(), func(s Setting) bool {
		return s.Name == want.Name && s.Default == want.Default && s.Secret && s.Description != ""
	}) {
		t.Errorf("no %+v in %+v", want, Settings())
	}
}

func TestEveryDefaultAndExamplePassesItsOwnCheck(t *testing.T) {
	skip := map[string]bool{"SECRET": true} // a command, not a value
	new(Raw).each(func(tag reflect.StructTag, name string, _ *string) {
		if skip[name] || strings.HasPrefix(tag.Get("example"), "/") {
			return
		}
		s := minimal()
		if name == "ALLOWED_GROUPS" || name == "GOOGLE_CUSTOMER" { // nothing with Google without it
			s = s.with("GOOGLE_GROUPS_JSON", file(t, "{}"))
		}
		if name == "PROVIDERS" {
			for _, provider := range strings.Split(tag.Get("example"), ",") {
				s = s.with(further(provider)...)
			}
			s["PROVIDERS"] = ""
		}
		if _, err := s.with(name, tag.Get("example")).raw(t).Parse(); err != nil {
			t.Error(fmt.Errorf("the example is refused: %w", err))
		}
	})
}
