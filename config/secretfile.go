package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// OpenSecrets returns the secrets that seal sessions, newest first: the configured
// ones, else one that lives as long as the store does, kept beside its file or in
// this process alone.
func (s Session) OpenSecrets() ([]Secret, error) {
	switch {
	case len(s.Secrets) > 0:
		return s.Secrets, nil
	case s.Store.Kind == StoreFile:
		secret, err := SecretBeside(s.Store.Path)
		if err != nil {
			return nil, err
		}
		return []Secret{secret}, nil
	case s.Store.Kind == StoreMemory:
		return []Secret{randomSecret()}, nil
	}
	return nil, errors.New("a shared store needs " + prefix + "_SECRET")
}

// SecretBeside returns the secret kept in path+".key", and makes it at the first
// call. Whoever reads it together with the store can open sessions, so a file that
// others than its owner may touch is refused, not used (SEC-CFG-08).
func SecretBeside(path string) (Secret, error) {
	path += ".key"
	secret, err := createSecret(path)
	if errors.Is(err, fs.ErrExist) {
		return readSecret(path)
	}
	return secret, err
}

func createSecret(path string) (secret Secret, err error) {
	// O_EXCL also refuses a symbolic link put there to have us write elsewhere.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Secret{}, fmt.Errorf("cannot create the secret's file: %w", err)
	}
	secret = randomSecret()
	_, err = f.WriteString(secret.Reveal() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		// Half a secret would stop every later start.
		return Secret{}, errors.Join(fmt.Errorf("cannot write the secret's file: %w", err), os.Remove(path))
	}
	return secret, nil
}

func readSecret(path string) (Secret, error) {
	// The file itself, not what a link points to, and before opening: opening a
	// pipe would wait for ever.
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return Secret{}, fmt.Errorf("cannot read the secret's file: %w", err)
	case !info.Mode().IsRegular():
		return Secret{}, fmt.Errorf("the secret's file %q is not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return Secret{}, fmt.Errorf("the secret's file %q is open to others than its owner (mode %04o): "+
			"run chmod 600 on it, or remove it to have a new one made, which ends all sessions", path, info.Mode().Perm())
	}
	content, problem := readFile(path)
	if problem != "" {
		return Secret{}, fmt.Errorf("the secret's file %q %s", path, problem)
	}
	text := strings.TrimRight(content, "\r\n")
	if len(text) < minSecret {
		return Secret{}, fmt.Errorf("the secret's file %q holds less than %d bytes: "+
			"remove it to have a new one made, which ends all sessions", path, minSecret)
	}
	return NewSecret(text), nil
}

// randomSecret returns random bytes as text.
func randomSecret() Secret {
	b := make([]byte, minSecret)
	_, _ = rand.Read(b) // never fails, it would end the process
	return NewSecret(base64.StdEncoding.EncodeToString(b))
}
