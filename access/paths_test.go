package access_test

import (
	"path"
	"strings"
	"testing"

	"sidegate/access"
)

func TestAddRefusesRulesThatOpenTooMuchOrNothing(t *testing.T) {
	for _, rule := range []string{
		"", "/", "//", "public/", "*", "http://x/", "/a//b", "/a/../b", "/a/./", "/..", "/a;b", "/a?b", "/a#b", `/a\b`, "/a b", "/é", "/a\x00",
		"/a%2fb", "/a%2Fb/", "/a%5cb", "/%2e%2e/", "/a%25b", "/a%3bb", "/a%00", "/a%zz", "/a%", "/a%2", "/%c0%ae/", "/.../", "/a/%20/", "/a%7f",
	} {
		var p access.PublicPaths
		if err := p.Add("", rule); err == nil {
			t.Errorf("Add(%q) = nil, want an error", rule)
		}
		if p.Match("GET", rule) || p.Match("GET", rule+"x") {
			t.Errorf("after the refused Add(%q) it is public", rule)
		}
	}
}

// SEC-SKIP-04: exact rules match exactly, prefix rules match plain paths below.
func TestMatch(t *testing.T) {
	var p access.PublicPaths
	for _, rule := range []struct{ method, path string }{
		{"", "/logo.png"}, {"", "/static/"}, {"GET", "/read/"}, {"POST", "/hook"}, {"", "/b%C3%BCcher/"}, {"", "/a%20b"},
	} {
		if err := p.Add(rule.method, rule.path); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		method, path string
		want         bool
	}{
		{"GET", "/logo.png", true}, {"DELETE", "/logo.png", true}, {"GET", "/logo.png/", false}, {"GET", "/logo.pngx", false}, {"GET", "/Logo.png", false},
		{"GET", "/static/", true}, {"GET", "/static/a/b.js", true}, {"GET", "/static", false}, {"GET", "/staticx", false}, {"GET", "/static/a/", true},
		{"GET", "/static/.hidden", true}, {"GET", "/static/a..b", true}, {"GET", "/static/a%20b", true}, {"GET", "/static/a%C3%A9", true},
		{"GET", "/static/~a!$&'()*+,=:@-._", true}, {"GET", "/static/a%41", true},
		{"GET", "/static/..", false}, {"GET", "/static/../x", false}, {"GET", "/static/./x", false}, {"GET", "/static/%2e%2e/x", false},
		{"GET", "/static/%2E./x", false}, {"GET", "/static/..%2fx", false}, {"GET", "/static/..;/x", false}, {"GET", "/static/a;b", false},
		{"GET", "/static//x", false}, {"GET", `/static/..\x`, false}, {"GET", "/static/%5cx", false}, {"GET", "/static/%252e", false},
		{"GET", "/static/%3fx", false}, {"GET", "/static/%23x", false}, {"GET", "/static/%3bx", false}, {"GET", "/static/%00", false},
		{"GET", "/static/%7f", false}, {"GET", "/static/\x7f", false}, {"GET", "/static/\x01", false}, {"GET", "/static/é", false},
		{"GET", "/static/%c0%ae%c0%ae/x", false}, {"GET", "/static/%ff", false}, {"GET", "/static/%zz", false}, {"GET", "/static/%4", false},
		{"GET", "/static/.../x", false}, {"GET", "/static/..%20/x", false}, {"GET", "/static/%20/x", false}, {"GET", "/static/. ./x", false},
		{"GET", "/read/x", true}, {"HEAD", "/read/x", true}, {"POST", "/read/x", false}, {"get", "/read/x", false}, {"OPTIONS", "/read/x", false},
		{"POST", "/hook", true}, {"HEAD", "/hook", false}, {"GET", "/hook", false},
		{"GET", "/b%C3%BCcher/x", true}, {"GET", "/b%c3%bccher/x", false}, {"GET", "/a%20b", true}, {"GET", "/a b", false},
		{"GET", "/", false}, {"GET", "", false}, {"", "/logo.png", true}, {"GET", "*", false},
	} {
		if got := p.Match(c.method, c.path); got != c.want {
			t.Errorf("Match(%s %q) = %v, want %v", c.method, c.path, got, c.want)
		}
	}
	if (access.PublicPaths{}).Match("GET", "/") {
		t.Error("the zero PublicPaths opened something")
	}
}

// SEC-SKIP-04: a long list is as exact as a short one.
func TestMatchWithManyRules(t *testing.T) {
	var p access.PublicPaths
	for i := range 300 {
		if err := p.Add("", "/p"+strings.Repeat("x", i)+"/"); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]bool{"/pxxx/a": true, "/pxxx": false, "/pxxx/../a": false, "/P/": false, "/q/": false} {
		if got := p.Match("GET", path); got != want {
			t.Errorf("Match(%s) = %v, want %v", path, got, want)
		}
	}
}

func targets() map[string]bool {
	return map[string]bool{
		"/": true, "/a": true, "/a/": true, "//a": true, "/a//b": true, "/a%2Fb": true, "/a;b=c": true, "/;": true, "/...": true, "/.a": true, "/a..": true,
		"/é": true, "/%C3%A9": true, "/\xff": true, "/%ff": true, "/a?x": true, "/a?../..": true, "/a?%zz": true, "/a?\\": true, `/a\b`: true, "/%252e%252e/": true,
		"/%25": true, "/?": true, "/%20": true, "/..a/": true,
		"": false, "*": false, "a": false, "http://x/": false, "x:1": false, "?": false,
		"/.": false, "/..": false, "/a/.": false, "/a/../b": false, "/./a": false, "/a/..;/b": false, "/a/..;x=y": false, "/.;": false, "/%2e": false,
		"/%2E%2e/a": false, "/.%2e/": false, "/a%2f..%2fb": false, `/a\..\b`: false, "/a%5c..%5cb": false, "/..%3bx": false, "/..%2f": false,
		"/a b": false, "/a\x00": false, "/a\x7f": false, "/a\n": false, "/a#b": false, "/a?b#c": false, "/a?b c": false, "/a?\x01": false, "/a?\x7f": false,
		"/%00": false, "/%0a": false, "/%0D": false, "/%7f": false, "/%": false, "/%2": false, "/%zz": false, "/%2g": false,
	}
}

// SEC-SKIP-02, SEC-SKIP-03, SEC-ERR-04: a target with two readings goes nowhere.
func TestCheckTarget(t *testing.T) {
	for target, want := range targets() {
		if got := access.CheckTarget(target); got != want {
			t.Errorf("CheckTarget(%q) = %v, want %v", target, got, want)
		}
	}
}

// readings are the paths that apps of all kinds may take p for: decoded never,
// once or twice, backslashes as slashes, parameters cut off, and cleaned.
func readings(p string) (all []string) {
	forms := []string{p}
	for range 3 {
		forms = append(forms, overlong(decode(forms[len(forms)-1])))
	}
	for _, form := range forms {
		for _, slashed := range []string{form, strings.ReplaceAll(form, `\`, "/")} {
			for _, cut := range []string{slashed, withoutParameters(slashed)} {
				cut, _, _ = strings.Cut(cut, "?")
				cut, _, _ = strings.Cut(cut, "#")
				cut, _, _ = strings.Cut(cut, "\x00")
				all = append(all, cut, path.Clean(cut), path.Clean(windowsNames(cut)))
			}
		}
	}
	return all
}

func withoutParameters(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
	return strings.Join(segments, "/")
}

// windowsNames takes dots and spaces off the end of names, all but "." and "..".
func windowsNames(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		switch trimmed := strings.TrimRight(s, " "); {
		case trimmed == "." || trimmed == "..":
			segments[i] = trimmed
		default:
			segments[i] = strings.TrimRight(s, ". ")
		}
	}
	return strings.Join(segments, "/")
}

// overlong reads forbidden UTF-8 forms of ASCII as what they stand for.
func overlong(p string) string {
	return strings.NewReplacer("\xc0\xae", ".", "\xc0\xaf", "/", "\xe0\x80\xae", ".", "\xe0\x80\xaf", "/", "\xc1\x9c", `\`).Replace(p)
}

// decode reads what escapes it can and leaves the others, as lenient readers do.
func decode(p string) string {
	var out []byte
	for i := 0; i < len(p); i++ {
		if p[i] == '%' && i+2 < len(p) {
			if hi, lo := strings.IndexByte("0123456789abcdef", p[i+1]|0x20), strings.IndexByte("0123456789abcdef", p[i+2]|0x20); hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		out = append(out, p[i])
	}
	return string(out)
}

// Whatever Match calls public below a prefix, every reader takes for a path below
// that prefix.
func FuzzPublicMatch(f *testing.F) {
	for target := range targets() {
		f.Add(target)
		f.Add("/public" + target)
		f.Add("/public/" + target)
	}
	for _, tail := range []string{"..%c0%afx", "%e0%80%ae./x", "..%20/x", "%2e%2e%2fx", "a;/../x", "..%5cx", "...%2f", "%25%32%65"} {
		f.Add("/public/" + tail)
	}
	var p access.PublicPaths
	if err := p.Add("", "/public/"); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if !p.Match("GET", target) {
			return
		}
		for _, reading := range readings(target) {
			if reading+"/" != "/public/" && !strings.HasPrefix(reading, "/public/") {
				t.Errorf("%q is public, and may be read as %q", target, reading)
			}
		}
		if !access.CheckTarget(target) {
			t.Errorf("%q is public, and no target", target)
		}
	})
}

// A target that is let through has no dot segment to any reader that decodes once,
// cannot end a line, and is origin form.
func FuzzCheckTarget(f *testing.F) {
	for target := range targets() {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if !access.CheckTarget(target) {
			return
		}
		if !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \t\r\n\x00#") {
			t.Errorf("%q is let through", target)
		}
		raw, _, _ := strings.Cut(target, "?")
		for _, form := range []string{raw, decode(raw)} {
			if strings.ContainsAny(form, "\x00\r\n") {
				t.Errorf("%q holds a control character", target)
			}
			for _, slashed := range []string{form, strings.ReplaceAll(form, `\`, "/")} {
				for segment := range strings.SplitSeq(withoutParameters(slashed), "/") {
					if segment == "." || segment == ".." {
						t.Errorf("%q has a dot segment", target)
					}
				}
			}
		}
	})
}
