package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// ErrSealed says that something sealed did not open: it was changed, sealed for
// another purpose or holder, by another server, or in a format we do not know.
var ErrSealed = errors.New("session: sealed data does not open")

// Keys seals small values with the server's secrets. The first secret seals, all
// of them open, so that a secret can be replaced without signing anybody out.
// Copies of a Keys share their secrets. The zero Keys opens nothing and must not
// seal.
type Keys struct{ secrets *atomic.Pointer[[]secret] }

type secret struct {
	id    KeyID
	bytes []byte
	names []byte // the key that makes names
}

const (
	sealVersion = 1
	keyIDSize   = 4
	saltSize    = 24
	sealHeader  = 1 + keyIDSize + saltSize
)

// NewKeys takes the secrets, newest first. That they hold enough entropy is
// config's to check; here each must be at least 32 bytes long.
func NewKeys(secrets ...string) (Keys, error) {
	k := Keys{secrets: new(atomic.Pointer[[]secret])}
	if err := k.Replace(secrets...); err != nil {
		return Keys{}, err
	}
	return k, nil
}

// Replace puts other secrets in force, newest first, for all copies of k. After
// an error nothing has changed.
func (k Keys) Replace(secrets ...string) error {
	if len(secrets) == 0 {
		return errNoSecret
	}
	var list []secret
	for n, text := range secrets {
		if len(text) < 32 {
			return fmt.Errorf("session: secret %d is shorter than 32 bytes", n+1)
		}
		id, err := hkdf.Key(sha256.New, []byte(text), nil, "sidegate key id", keyIDSize)
		names, err2 := hkdf.Key(sha256.New, []byte(text), nil, "sidegate names", sha256.Size)
		if err := errors.Join(err, err2); err != nil {
			return fmt.Errorf("session: derive keys: %w", err)
		}
		list = append(list, secret{id: KeyID(id), bytes: []byte(text), names: names})
	}
	k.secrets.Store(&list)
	return nil
}

var errNoSecret = errors.New("session: no secret to seal with")

// list returns the secrets in force, newest first; none for the zero Keys.
func (k Keys) list() []secret {
	if k.secrets == nil {
		return nil
	}
	return *k.secrets.Load()
}

// Names returns what stands for parts in a store whose readers must not know them:
// one name for each secret, newest first, of the form of a store's key. What was
// filed under an older secret's name is found as long as that secret is kept.
func (k Keys) Names(purpose string, parts ...string) []string {
	var names []string
	for _, s := range k.list() {
		h := hmac.New(sha256.New, s.names)
		for _, part := range append([]string{purpose}, parts...) {
			fmt.Fprintf(h, "%d:%s", len(part), part)
		}
		names = append(names, purpose+":"+hex.EncodeToString(h.Sum(nil)))
	}
	return names
}

// Derive returns bytes for one purpose, as many as asked for, from each secret, the
// newest first. Whoever has the same secrets gets the same bytes, and nobody learns
// from them anything about a secret, what it seals, or the bytes for other purposes.
func (k Keys) Derive(purpose string, size int) ([][]byte, error) {
	var all [][]byte
	for _, s := range k.list() {
		// No other use of a secret begins its info so.
		b, err := hkdf.Key(sha256.New, s.bytes, nil, fmt.Sprintf("sidegate derived %d:%s", len(purpose), purpose), size)
		if err != nil {
			return nil, fmt.Errorf("session: derive: %w", err)
		}
		all = append(all, b)
	}
	return all, nil
}

// InForce returns a value that equals another one as long as nobody calls Replace:
// what Derive returned still holds. It costs next to nothing.
func (k Keys) InForce() any {
	if k.secrets == nil {
		return nil
	}
	return k.secrets.Load()
}

// Seal encrypts and authenticates plain for one purpose and one holder: Open
// needs the same purpose and the same bind. Each call derives a fresh AES-256-GCM
// key from 24 random bytes, so neither a nonce nor a key can come twice however
// many values are sealed.
//
// The output is: version (1 byte), key id (4), salt (24), ciphertext and tag.
func (k Keys) Seal(purpose string, bind, plain []byte) ([]byte, error) {
	secrets := k.list()
	if len(secrets) == 0 {
		return nil, errNoSecret
	}
	newest := secrets[0]
	out := make([]byte, sealHeader, sealHeader+len(plain)+16)
	out[0] = sealVersion
	copy(out[1:], newest.id[:])
	rand.Read(out[1+keyIDSize:]) // never fails: crypto/rand ends the process instead
	aead, err := newest.aead(purpose, bind, out[1+keyIDSize:sealHeader])
	if err != nil {
		return nil, err
	}
	return aead.Seal(out, make([]byte, aead.NonceSize()), plain, out[:sealHeader]), nil
}

// Open returns what Seal was given, or ErrSealed. The version is authenticated
// with the rest, so that a value of another version does not open.
func (k Keys) Open(purpose string, bind, sealed []byte) ([]byte, error) {
	if len(sealed) < sealHeader {
		return nil, ErrSealed
	}
	id := keyIDOf(sealed)
	for _, s := range k.list() {
		if s.id != id {
			continue
		}
		aead, err := s.aead(purpose, bind, sealed[1+keyIDSize:sealHeader])
		if err != nil {
			return nil, err
		}
		plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed[sealHeader:], sealed[:sealHeader])
		if err == nil {
			return plain, nil
		}
	}
	return nil, ErrSealed
}

// KeyID names a secret without telling anything of it. The zero KeyID names none.
type KeyID [keyIDSize]byte

// keyIDOf returns which secret sealed what Open has opened.
func keyIDOf(sealed []byte) KeyID { return KeyID(sealed[1:]) }

// Newest names the secret that seals.
func (k Keys) Newest() KeyID {
	if secrets := k.list(); len(secrets) > 0 {
		return secrets[0].id
	}
	return KeyID{}
}

// Holds reports whether the secret is in force.
func (k Keys) Holds(id KeyID) bool {
	return slices.ContainsFunc(k.list(), func(s secret) bool { return s.id == id })
}

// aead derives the key of one value. Purpose and bind are hashed with a length
// before them, so that no two pairs can run into each other.
func (s secret) aead(purpose string, bind, salt []byte) (cipher.AEAD, error) {
	info := fmt.Sprintf("sidegate v1 %d:%s %d:%s", len(purpose), purpose, len(bind), bind)
	key, err := hkdf.Key(sha256.New, s.bytes, salt, info, 32)
	if err != nil {
		return nil, fmt.Errorf("session: derive key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("session: cipher: %w", err)
	}
	return cipher.NewGCM(block)
}
