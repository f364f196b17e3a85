package fault

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidegate/session/sessiontest"
	"sidegate/test/parts"
)

// nextVersion builds the program as a later version may be: its session records have
// a member that this one does not know, and it lets nobody in whose record lost it
// after it had it.
func nextVersion(t *testing.T) string {
	t.Helper()
	root, err := parts.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(root, "session", "record.go")
	source, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	text := string(source)
	for _, change := range [][2]string{
		{"type record struct {", "type record struct {\n\tNews string `json:\"news,omitempty\"`"},
		{"Address: s.Address, Provider:", `Address: "next", News: "of the next version", Provider:`},
		{"rec.Identity.IsZero() {", `rec.Identity.IsZero() || rec.Address == "next" && rec.News == "" {`},
		{`"address", "provider"`, `"address", "provider", "news"`},
	} {
		if strings.Count(text, change[0]) != 1 {
			t.Fatalf("session/record.go has %q %d times: this test has to follow it", change[0], strings.Count(text, change[0]))
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	dir := t.TempDir()
	changed, overlay := filepath.Join(dir, "record.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{changed: []byte(text), overlay: list} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(dir, "sidegate-next")
	build := exec.Command("go", "build", "-overlay", overlay, "-o", binary, "sidegate/cmd/sidegate")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// FLT-25: during a rolling deploy two versions share one Redis. Sessions and sign-ins
// begun at one go on at the other, back and forth, and so do sign-outs.
func TestTwoVersionsShareOneRedis(t *testing.T) {
	t.Parallel()
	s := newSite(t, settings{"SESSION_STORE": sessiontest.Redis(t).URL, "SESSION_IDLE": "20s"}) // a step of a second
	old, next := s.replica(nil), s.stopped(nil)
	binary := nextVersion(t)
	deploy := func() {
		next.run(binary)
		next.Answers(t, next.admin+"/readyz")
	}
	deploy()

	people := crowd(t, 60, old.door, next.door)
	again := 0
	for range 2 {
		time.Sleep(1200 * time.Millisecond) // both note activity, and so write what the other reads
		again += wantServed(t, people, old.door, next.door) + wantServed(t, people, next.door, old.door)
		old.stop()
		old.start()
		next.stop()
		deploy()
		again += wantServed(t, people, old.door, next.door) + wantServed(t, people, next.door, old.door)
	}
	failed := 0
	for i := range 20 {
		p, doors := newPerson(fmt.Sprintf("between-%d", i)), []*door{old.door, next.door}
		callback, err := p.begin(t.Context(), doors[i%2])
		if err == nil {
			err = p.finish(t.Context(), doors[1-i%2], callback)
		}
		if err != nil {
			failed++
			t.Error(err)
		}
	}
	open := openSockets(t, 20, people[:20], next.door, old.door)
	for i, p := range people[:20] {
		if err := p.signOut(t.Context(), []*door{old.door, next.door}[i%2]); err != nil {
			t.Error(err)
		}
	}
	if ends := open.waitEnded(20); len(ends) != 20 {
		t.Errorf("%d of 20 WebSockets ended with their sessions: %v", len(ends), codes(ends))
	}
	again += wantServed(t, people[20:], next.door, old.door)
	t.Logf("FLT-25: re-logins %d of %d people, failed sign-ins %d of 20", again, len(people), failed)
}
