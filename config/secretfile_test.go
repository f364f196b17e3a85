package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecretBesideIsMadeOnceForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	first, err := SecretBeside(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := SecretBeside(path)
	if err != nil {
		t.Fatal(err)
	}
	if first.Reveal() != second.Reveal() {
		t.Error("the second start got another secret")
	}
	if len(first.Reveal()) < minSecret {
		t.Errorf("got %d bytes, want %d at least", len(first.Reveal()), minSecret)
	}
	info, err := os.Stat(path + ".key")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode(), os.FileMode(0o600); got != want {
		t.Errorf("mode: got %v, want %v", got, want)
	}
	other, err := SecretBeside(filepath.Join(t.TempDir(), "sessions.db"))
	if err != nil || other.Reveal() == first.Reveal() {
		t.Errorf("another store has the same secret (%v)", err)
	}
}

// SEC-CFG-08: a key that others may read or write is refused, not used.
func TestSecretBesideRefuses(t *testing.T) {
	write := func(path, content string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // past the umask
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		make func(key string)
		want string
	}{
		"readable by the group": {func(key string) { write(key, strong, 0o640) }, "chmod 600"},
		"readable by all":       {func(key string) { write(key, strong, 0o604) }, "chmod 600"},
		"writable by all":       {func(key string) { write(key, strong, 0o602) }, "chmod 600"},
		"empty after a crash":   {func(key string) { write(key, "", 0o600) }, "less than 32 bytes"},
		"cut off":               {func(key string) { write(key, strong[:31]+"\n", 0o600) }, "less than 32 bytes"},
		"huge":                  {func(key string) { write(key, strings.Repeat(strong, 4000), 0o600) }, "larger than"},
		"a directory":           {func(key string) { _ = os.Mkdir(key, 0o700) }, "not a regular file"},
		"a link": {func(key string) {
			write(key+".target", strong, 0o600)
			_ = os.Symlink(key+".target", key)
		}, "not a regular file"},
		"a link to nothing": {func(key string) { _ = os.Symlink(key+".target", key) }, "not a regular file"},
		"no directory":      {func(key string) { _ = os.Remove(filepath.Dir(key)) }, "cannot create"},
	} {
		path := filepath.Join(t.TempDir(), "sessions.db")
		tt.make(path + ".key")
		secret, err := SecretBeside(path)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !secret.IsZero() {
			t.Errorf("%s: got error %v, want %q and no secret", name, err, tt.want)
			continue
		}
		if strings.Contains(err.Error(), strong[:16]) {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}
}

func TestOpenSecretsLastAsLongAsTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	configured := []Secret{NewSecret(strong), NewSecret("old")}
	open := func(s Session) string {
		t.Helper()
		secrets, err := s.OpenSecrets()
		if err != nil || len(secrets) == 0 {
			t.Fatalf("got %d secrets and %v", len(secrets), err)
		}
		return secrets[0].Reveal()
	}
	memory, embedded := Store{Kind: StoreMemory}, Store{Kind: StoreFile, Path: path}

	if got := open(Session{Store: embedded, Secrets: configured}); got != strong {
		t.Error("the configured secret is not the first")
	}
	if first, second := open(Session{Store: memory}), open(Session{Store: memory}); first == second {
		t.Error("memory: two starts have the same secret")
	}
	if first, second := open(Session{Store: embedded}), open(Session{Store: embedded}); first != second {
		t.Error("file: two starts have different secrets")
	}
	for _, s := range []Session{{}, {Store: Store{Kind: StoreRedis}}} {
		if secrets, err := s.OpenSecrets(); err == nil || secrets != nil {
			t.Errorf("%+v: got %v, want an error", s, secrets)
		}
	}
	blocked := Session{Store: Store{Kind: StoreFile, Path: filepath.Join(path, "x")}}
	if secrets, err := blocked.OpenSecrets(); err == nil || secrets != nil {
		t.Errorf("no directory: got %v, want an error", secrets)
	}
}
