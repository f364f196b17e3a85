package main

import (
	"reflect"
	"testing"
)

func TestFailuresAreReadFromWhatGoTestPrints(t *testing.T) {
	const e2e = "--- FAIL: TestA (0.1s)\n    --- FAIL: TestA/part (0.0s)\n--- FAIL: TestB (2.0s)\nFAIL\nFAIL\tsidegate/test/e2e\t2.1s\n"
	for name, c := range map[string]struct {
		out  string
		want []failure
	}{
		"two tests":             {"ok  \tsidegate/web\t0.1s\n" + e2e + "FAIL\n", []failure{{"sidegate/test/e2e", []string{"TestA", "TestB"}}}},
		"two packages":          {e2e + "--- FAIL: TestC (1s)\nFAIL\nFAIL\tsidegate/login\t1s\nFAIL\n", []failure{{"sidegate/test/e2e", []string{"TestA", "TestB"}}, {"sidegate/login", []string{"TestC"}}}},
		"a build that fails":    {e2e + "FAIL\tsidegate/login [build failed]\nFAIL\n", nil},
		"a data race":           {"WARNING: DATA RACE\n" + e2e, nil},
		"a panic":               {"--- FAIL: TestA (0.1s)\npanic: oh\n" + "FAIL\tsidegate/test/e2e\t2.1s\n", nil},
		"a package by itself":   {"docs say something else\nFAIL\tsidegate/test/dashboards\t2.1s\nFAIL\n", nil},
		"nothing to be read":    {"signal: killed\n", nil},
		"a test's own printing": {"    --- FAIL: TestInner (0.0s)\nFAIL\nFAIL\tsidegate/test/e2e\t2.1s\n", nil},
	} {
		got, known := failures(c.out)
		if !reflect.DeepEqual(got, c.want) || known != (c.want != nil) {
			t.Errorf("%s: %v, %t; want %v", name, got, known, c.want)
		}
	}
}
