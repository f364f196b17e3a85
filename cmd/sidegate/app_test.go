package main

import (
	"slices"
	"testing"

	"sidegate/config"
	"sidegate/proxy/apps"
)

// The settings know the presets by name, and neither package may import the other.
func TestEveryPresetCanBeChosen(t *testing.T) {
	want := []string{"auto", "none"}
	for _, a := range apps.All() {
		want = append(want, a.Name)
	}
	slices.Sort(want)
	if got := slices.Sorted(slices.Values(config.AppNames())); !slices.Equal(got, want) {
		t.Errorf("SIDEGATE_APP may be %v, and the presets are %v", got, want)
	}
}
