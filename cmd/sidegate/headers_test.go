package main

import (
	"slices"
	"strings"
	"testing"

	"sidegate/config"
	"sidegate/proxy"
)

// What the settings know by name and what can be sent are the same things.
func TestEveryHeaderOfTheSettingsCanBeSent(t *testing.T) {
	known, sent := slices.Sorted(slices.Values(config.HeaderPresets())), slices.Sorted(slices.Values(proxy.HeaderPresets()))
	if !slices.Equal(known, sent) {
		t.Errorf("the settings take the presets %q, there are %q", known, sent)
	}
	for _, preset := range known {
		if _, err := appHeaders([]config.HeaderRule{{Preset: preset}}, nil); err != nil {
			t.Errorf("%s: %v", preset, err)
		}
	}
	for _, placeholder := range config.HeaderPlaceholders() {
		for _, encoding := range append(config.HeaderEncodings(), "") {
			value := []config.HeaderPart{{Placeholder: placeholder, Encoding: encoding}}
			if _, err := appHeaders([]config.HeaderRule{{Name: "X-A", Value: value}}, nil); err != nil {
				t.Errorf("{%s:%s}: %v", placeholder, encoding, err)
			}
		}
	}
	if _, err := appHeaders([]config.HeaderRule{{Name: "X-A", Value: []config.HeaderPart{{Placeholder: "mail"}}}}, nil); err == nil {
		t.Error("a placeholder that nobody knows is taken")
	}
}

// Two presets, or one and a header of one's own, may not give one name two values.
func TestHeadersThatContradictPresetsStopTheStart(t *testing.T) {
	for _, tt := range []struct {
		headers string
		fault   bool
	}{
		{"oauth2-proxy,databricks", false}, // the same values
		{strings.Join(config.HeaderPresets(), ","), false},
		{"sidegate,X-User-Email={email}", false},
		{"sidegate,X-User-Email={user}", true},
		{"x_user.email={user},sidegate", true},
		{"grafana,X-WEBAUTH-NAME={name}", true},
	} {
		settings(t, append(runnable(), "UPSTREAM=http://127.0.0.1:1", "HEADERS="+tt.headers)...)
		for _, command := range []string{"config", "serve"} {
			if command == "serve" && !tt.fault {
				continue // it would serve
			}
			code, _, err := do(command)
			if fault := code == 2 && strings.Contains(err, "SIDEGATE_HEADERS sets ") && strings.Contains(err, "to different values"); fault != tt.fault {
				t.Errorf("%s with %s: code %d, %q; want a fault: %v", command, tt.headers, code, err, tt.fault)
			}
		}
	}
}
