package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestHeadersAreTheSidegatePresetUnlessSet(t *testing.T) {
	got := mustParse(t, minimal()).Proxy.Headers
	if want := []HeaderRule{{Preset: "sidegate"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestHeadersAreParsedToTheirParts(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  []HeaderRule
	}{
		{"grafana", []HeaderRule{{Preset: "grafana"}}},
		{" iap , sidegate,iap", []HeaderRule{{Preset: "iap"}, {Preset: "sidegate"}}},
		{"x-my-header={email}", []HeaderRule{{Name: "X-My-Header", Value: []HeaderPart{{Placeholder: "email"}}}}},
		{"X-A = {name:latin1} ", []HeaderRule{{Name: "X-A", Value: []HeaderPart{{Placeholder: "name", Encoding: "latin1"}}}}},
		{"X-A=u={user};d={domain}", []HeaderRule{{Name: "X-A", Value: []HeaderPart{
			{Text: "u="}, {Placeholder: "user"}, {Text: ";d="}, {Placeholder: "domain"},
		}}}},
		{"X-Role=viewer", []HeaderRule{{Name: "X-Role", Value: []HeaderPart{{Text: "viewer"}}}}},
		{"X-A={id},x_a={id}", []HeaderRule{{Name: "X-A", Value: []HeaderPart{{Placeholder: "id"}}}}}, // the same twice
		{"X-User-Email={id}", []HeaderRule{{Name: "X-User-Email", Value: []HeaderPart{{Placeholder: "id"}}}}},
		{"X-Forwarded-User={assertion}", []HeaderRule{{Name: "X-Forwarded-User", Value: []HeaderPart{{Placeholder: "assertion"}}}}},
		{"X-G={groups:utf8}", []HeaderRule{{Name: "X-G", Value: []HeaderPart{{Placeholder: "groups", Encoding: "utf8"}}}}},
	} {
		if got := mustParse(t, minimal().with("HEADERS", tt.value)).Proxy.Headers; !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", tt.value, got, tt.want)
		}
	}
}

func TestEveryPresetAndPlaceholderIsTaken(t *testing.T) {
	for _, preset := range HeaderPresets() {
		mustParse(t, minimal().with("HEADERS", preset))
		if table := Table(); !strings.Contains(table, preset) {
			t.Errorf("the table of settings does not name %s", preset)
		}
	}
	for _, placeholder := range HeaderPlaceholders() {
		mustParse(t, minimal().with("HEADERS", "X-A={"+placeholder+"}"))
	}
}

// SEC-HDR-12: whatever the setting holds, what comes out of it is one header with a
// printable value, written as it was meant.
func FuzzHeadersHoldNoMoreThanTheyShow(f *testing.F) {
	for _, tt := range headerFaults() {
		f.Add(tt.set[1])
	}
	f.Add("X-A=u={user};d={domain:utf8}")
	f.Fuzz(func(t *testing.T, entry string) {
		rule, problem := parseHeader(entry)
		if problem != "" {
			return
		}
		shown := rule.String()
		if strings.ContainsFunc(shown, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("%q became %q", entry, shown)
		}
		again, problem := parseHeader(shown)
		if problem != "" || !reflect.DeepEqual(again, rule) {
			t.Errorf("%q became %q, and that %+v (%s)", entry, shown, again, problem)
		}
	})
}
