package config

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"sidegate/test/need"
)

// envFileOf writes an env file, readable to its owner alone.
func envFileOf(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), EnvFile)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// bare takes every setting out of the environment.
func bare(t *testing.T) {
	t.Helper()
	new(Raw).each(func(_ reflect.StructTag, name string, _ *string) {
		t.Setenv("SIDEGATE_"+name, "")
	})
}

func TestSettingsComeFromTheEnvFile(t *testing.T) {
	bare(t)
	path := envFileOf(t, "\ufeff# made by hand", "", "SIDEGATE_ALLOWED_EMAILS=ann@example.com,bob@example.org\r", "  SIDEGATE_CLIENT_ID = id ", "SIDEGATE_HEADERS=X-Who={email}", "SIDEGATE_DRAIN=")
	t.Setenv("SIDEGATE_ENV_FILE", path)
	t.Setenv("SIDEGATE_CLIENT_ID", "")
	_, err := FromEnv()
	if err == nil || !strings.Contains(err.Error(), "SIDEGATE_CLIENT_ID") {
		t.Errorf("a blank before = was taken: %v", err)
	}
	path = envFileOf(t, "# made by hand", "", "SIDEGATE_ALLOWED_EMAILS=ann@example.com,bob@example.org\r", "  SIDEGATE_CLIENT_ID= id ", "SIDEGATE_HEADERS=X-Who={email}", "SIDEGATE_DRAIN=")
	t.Setenv("SIDEGATE_ENV_FILE", path)
	raw, err := FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	want := Raw{AllowedEmails: "ann@example.com,bob@example.org", ClientID: "id", Headers: "X-Who={email}", EnvFile: path}
	if !reflect.DeepEqual(raw, want) {
		raw.each(func(_ reflect.StructTag, name string, value *string) {
			if *value != "" {
				t.Logf("%s=%s", name, *value)
			}
		})
		t.Error("got other settings than the file's")
	}
}

func TestTheEnvironmentWinsOverTheEnvFile(t *testing.T) {
	bare(t)
	t.Setenv("SIDEGATE_ENV_FILE", envFileOf(t, "SIDEGATE_LISTEN=127.0.0.1:1", "SIDEGATE_DRAIN=1s", "SIDEGATE_SECRET_FILE=/of/the/file", "SIDEGATE_ALLOWED_EMAILS_FILE=/emails"))
	t.Setenv("SIDEGATE_LISTEN", "127.0.0.1:2")
	t.Setenv("SIDEGATE_SECRET", strong)
	t.Setenv("SIDEGATE_ALLOWED_EMAILS", "ann@example.com")
	raw, err := FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	if raw.Listen != "127.0.0.1:2" || raw.Drain != "1s" {
		t.Errorf("LISTEN=%s DRAIN=%s", raw.Listen, raw.Drain)
	}
	if raw.SecretFile != "" {
		t.Error("the file's SECRET_FILE stands beside the environment's SECRET, which is a fault")
	}
	if raw.AllowedEmailsFile != "/emails" {
		t.Error("the file with addresses is a rule of its own, and is lost")
	}
}

// In the working folder the file is found by its name.
func TestTheEnvFileOfTheWorkingFolderIsRead(t *testing.T) {
	bare(t)
	path := envFileOf(t, "SIDEGATE_DRAIN=3s")
	t.Chdir(filepath.Dir(path))
	if raw, err := FromEnv(); err != nil || raw.Drain != "3s" || raw.EnvFile != EnvFile {
		t.Errorf("DRAIN=%q, read %q, %v", raw.Drain, raw.EnvFile, err)
	}
	if raw, err := FromEnvAlone(); err != nil || raw.Drain != "" {
		t.Errorf("alone: DRAIN=%q, %v", raw.Drain, err)
	}
	t.Chdir(t.TempDir())
	if raw, err := FromEnv(); err != nil || !reflect.DeepEqual(raw, Raw{}) {
		t.Errorf("without a file: %v", err)
	}
}

// Who writes there decides who may enter. A file in the working folder may be anybody's.
func TestAnEnvFileThatOthersCanTouchIsRefused(t *testing.T) {
	bare(t)
	path := envFileOf(t, "SIDEGATE_ALLOWED_EMAILS=mallory@evil.example")
	t.Chdir(filepath.Dir(path))
	for _, tt := range []struct {
		mode         os.FileMode
		found, named bool // taken
	}{
		{0o600, true, true}, {0o400, true, true}, {0o640, false, true}, {0o644, false, true},
		{0o660, false, false}, {0o606, false, false}, {0o602, false, false}, {0o620, false, false},
	} {
		if err := os.Chmod(path, tt.mode); err != nil {
			t.Fatal(err)
		}
		for name, taken := range map[string]bool{"": tt.found, path: tt.named} {
			t.Setenv("SIDEGATE_ENV_FILE", name)
			raw, err := FromEnv()
			if (err == nil) != taken || (raw.AllowedEmails != "") != taken {
				t.Errorf("mode %o, named %t: error %v", tt.mode, name != "", err)
			}
			if err != nil && !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("mode %o: %v does not say what to do", tt.mode, err)
			}
		}
	}
}

func TestAnEnvFileOfAnotherUserIsNotFoundButNamed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a file away")
	}
	bare(t)
	path := envFileOf(t, "SIDEGATE_DRAIN=3s")
	if err := os.Chown(path, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(path))
	if raw, err := FromEnv(); err == nil || raw.Drain != "" || !strings.Contains(err.Error(), "another user") {
		t.Errorf("found: DRAIN=%q, %v", raw.Drain, err)
	}
	t.Setenv("SIDEGATE_ENV_FILE", path)
	if raw, err := FromEnv(); err != nil || raw.Drain != "3s" {
		t.Errorf("named: DRAIN=%q, %v", raw.Drain, err)
	}
}

func TestAnEnvFileThatIsNamedHasToBeThere(t *testing.T) {
	bare(t)
	for _, path := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir(), "/dev/null"} {
		t.Setenv("SIDEGATE_ENV_FILE", path)
		if _, err := FromEnv(); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// SEC-CFG-02: as strict as the environment, with the line, and never with a value. What
// docker, compose and systemd would read differently is refused.
func TestFaultsInTheEnvFileNameTheirLine(t *testing.T) {
	bare(t)
	for text, want := range map[string]string{
		"SIDEGATE_ALLOWED_DOMAIN=canary.example":   "nearest known name is SIDEGATE_ALLOWED_DOMAINS",
		"export SIDEGATE_CLIENT_SECRET=canary":     "export",
		"PATH=canary":                              "does not begin with SIDEGATE_",
		"canary":                                   "NAME=VALUE",
		"SIDEGATE_CLIENT_SECRET=\"canary\"":        "in quotes",
		"SIDEGATE_CLIENT_SECRET='canary":           "in quotes",
		"SIDEGATE_CLIENT_SECRET=canary # mine":     "comment",
		"SIDEGATE_SESSION_STORE=redis://:canary$x": "%24",
		`SIDEGATE_CLIENT_SECRET=canary\`:           `\`,
		"SIDEGATE_ENV_FILE=canary":                 "only one",
		"SIDEGATE_DRAIN=1s\nSIDEGATE_DRAIN=canary": "second time",
	} {
		lines := []string{"# first", ""}
		path := envFileOf(t, append(lines, text)...)
		t.Setenv("SIDEGATE_ENV_FILE", path)
		_, err := FromEnv()
		line := ":3"
		if strings.Contains(text, "\n") {
			line = ":4"
		}
		if err == nil || !strings.Contains(err.Error(), path+line) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want line %s, %q", text, err, line, want)
			continue
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: the value is repeated: %v", text, err)
		}
	}
}

// A list in the one place and settings in the other are one set of settings.
func TestFurtherProvidersComeFromTheEnvFileAndTheEnvironment(t *testing.T) {
	bare(t)
	t.Setenv("SIDEGATE_ENV_FILE", envFileOf(t, "SIDEGATE_OKTA_ISSUER=https://example.okta.com", "SIDEGATE_OKTA_CLIENT_SECRET=of-the-file", "SIDEGATE_OKTA_TITLE=Okta", "SIDEGATE_PROVIDERS=okta"))
	t.Setenv("SIDEGATE_OKTA_CLIENT_ID", "of-the-environment")
	t.Setenv("SIDEGATE_OKTA_CLIENT_SECRET_FILE", "/of/the/environment")
	want := RawProvider{Issuer: "https://example.okta.com", ClientID: "of-the-environment", ClientSecretFile: "/of/the/environment", Title: "Okta"}
	if raw, err := FromEnv(); err != nil || raw.Further["okta"] != want {
		t.Errorf("okta is not what the two say together: %v", err)
	}

	t.Setenv("SIDEGATE_PROVIDERS", "keycloak")
	if _, err := FromEnv(); err == nil || !strings.Contains(err.Error(), "OKTA_ISSUER") || !strings.Contains(err.Error(), "OKTA_CLIENT_ID") {
		t.Errorf("settings of a provider that the environment does not list are taken: %v", err)
	}
}

// A link that somebody else has put there chooses among our files which settings are in
// force (SEC-CFG-08).
func TestALinkOfAnotherUserIsNotFollowed(t *testing.T) {
	need.Root(t, "a link of another user")
	bare(t)
	path := filepath.Join(t.TempDir(), EnvFile)
	if err := os.Symlink(envFileOf(t, "SIDEGATE_DRAIN=3s"), path); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(path))
	if raw, err := FromEnv(); err != nil || raw.Drain != "3s" {
		t.Errorf("our own link: DRAIN=%q, %v", raw.Drain, err)
	}
	if err := os.Lchown(path, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if raw, err := FromEnv(); err == nil || raw.Drain != "" || !strings.Contains(err.Error(), "another user") {
		t.Errorf("another's: DRAIN=%q, %v", raw.Drain, err)
	}
}

// A pipe in a file's place holds up neither the start nor the reading of secrets anew.
func TestNobodyWaitsForAPipe(t *testing.T) {
	bare(t)
	silent := filepath.Join(t.TempDir(), EnvFile) // nobody writes
	mute := filepath.Join(t.TempDir(), "mute")    // somebody could, and does not
	for _, path := range []string{silent, mute} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writer, err := os.OpenFile(mute, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	t.Chdir(filepath.Dir(silent))
	done := make(chan error, 2)
	go func() {
		_, found := FromEnv()
		done <- found
		_, parsed := Raw{ClientSecretFile: silent, Logo: mute, AllowedEmailsFile: silent, ClientJSON: silent}.Parse()
		done <- parsed
	}()
	for _, want := range [][]string{
		{EnvFile, "no regular file"},
		{"SIDEGATE_CLIENT_SECRET_FILE", "is empty", "SIDEGATE_LOGO", "timeout", "SIDEGATE_CLIENT_JSON"},
	} {
		select {
		case err := <-done:
			for _, word := range want {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("no word of %q: %v", word, err)
				}
			}
		case <-time.After(30 * time.Second):
			t.Fatal("it waits for a pipe")
		}
	}
}

// A shell's <(…) is a pipe that is written into.
func TestASecretMayComeThroughAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	opened, err := openFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	go func() {
		_, err := writer.WriteString("canary")
		written <- errors.Join(err, writer.Close())
	}()
	got, err := io.ReadAll(opened)
	if string(got) != "canary" || err != nil || <-written != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
