package main

import (
	"encoding/json"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

// bom is a software bill of materials in CycloneDX 1.6, which scanners for known
// vulnerabilities read: what the program itself says that it was built from. It has no
// serial number, which is optional and would be another one each time.
type bom struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string     `json:"timestamp"`
	Component component  `json:"component"`
	Details   []property `json:"properties"`
}

type component struct {
	Type    string     `json:"type"`
	Ref     string     `json:"bom-ref"`
	Name    string     `json:"name"`
	Version string     `json:"version"`
	Scope   string     `json:"scope,omitempty"`
	URL     string     `json:"purl"` // package URL, type golang
	Details []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

func newBOM(info *debug.BuildInfo, c checkout) bom {
	main := newComponent("application", info.Main)
	main.Scope = ""
	b := bom{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: metadata{Timestamp: c.time.Format(time.RFC3339), Component: main},
	}
	for _, s := range info.Settings {
		b.Metadata.Details = append(b.Metadata.Details, property{"go:build:" + s.Key, s.Value})
	}
	std := debug.Module{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}
	b.Components = append(b.Components, newComponent("library", std))
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.Components = append(b.Components, newComponent("library", *m))
	}
	all := dependency{Ref: main.Ref}
	for _, used := range b.Components {
		all.On = append(all.On, used.Ref)
	}
	b.Dependencies = []dependency{all}
	return b
}

func newComponent(kind string, m debug.Module) component {
	url := "pkg:golang/" + m.Path + "@" + m.Version
	c := component{Type: kind, Ref: url, Name: m.Path, Version: m.Version, Scope: "required", URL: url}
	if m.Sum != "" {
		c.Details = []property{{"go:sum", m.Sum}} // of the module's files, as in go.sum
	}
	return c
}

func writeSBOM(path string, info *debug.BuildInfo, c checkout) error {
	text, err := json.MarshalIndent(newBOM(info, c), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
