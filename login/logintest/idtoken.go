package logintest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"testing"
)

// IDToken is an ID token, or another token of the provider's, about to be signed.
// Everything in it may be wrong.
type IDToken struct {
	Header  Object
	Claims  Object
	Payload string // when not empty, in place of Claims: JSON that no map can hold
	Key     Key    // signs; it need not be the one that the header names
	Raw     string // when not empty, in place of the whole token
}

// Compact returns the token in its compact form (RFC 7515 3.1).
func (t IDToken) Compact() string {
	if t.Raw != "" {
		return t.Raw
	}
	payload := []byte(t.Payload)
	if t.Payload == "" {
		payload = encode(t.Claims)
	}
	input := base64URL(encode(t.Header)) + "." + base64URL(payload)
	return input + "." + base64URL(t.Key.sign(input))
}

// Key signs tokens. The zero Key signs nothing: the signature is empty.
type Key struct {
	ID     string // kid; none when empty
	Alg    string // alg (RFC 7518 3.1)
	signer crypto.Signer
	secret []byte
}

// NewKey makes a key pair for RS256, ES256 or EdDSA.
func NewKey(t testing.TB, alg, id string) Key {
	t.Helper()
	k := Key{ID: id, Alg: alg}
	var err error
	switch alg {
	case "RS256":
		k.signer, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		k.signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, k.signer, err = ed25519.GenerateKey(rand.Reader)
	default:
		t.Fatalf("logintest: no keys for %s", alg)
	}
	if err != nil {
		t.Fatalf("logintest: %v", err)
	}
	return k
}

// NewSecret makes an HS256 key of any bytes, such as a client secret or the
// encoded public key of another Key.
func NewSecret(id string, secret []byte) Key { return Key{ID: id, Alg: "HS256", secret: secret} }

// Public returns the public key, nil when there is none.
func (k Key) Public() crypto.PublicKey {
	if k.signer == nil {
		return nil
	}
	return k.signer.Public()
}

// JWK returns the public key as a JSON Web Key (RFC 7517).
func (k Key) JWK() Object {
	o := Object{"use": "sig", "alg": k.Alg}
	if k.ID != "" {
		o["kid"] = k.ID
	}
	switch pub := k.Public().(type) {
	case *rsa.PublicKey:
		o["kty"], o["n"], o["e"] = "RSA", base64URL(pub.N.Bytes()), base64URL(big.NewInt(int64(pub.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := pub.Bytes() // 4, x, y (SEC 1, 2.3.3)
		must(err)
		o["kty"], o["crv"], o["x"], o["y"] = "EC", "P-256", base64URL(point[1:33]), base64URL(point[33:])
	case ed25519.PublicKey:
		o["kty"], o["crv"], o["x"] = "OKP", "Ed25519", base64URL(pub)
	}
	return o
}

func (k Key) sign(input string) []byte {
	digest := sha256.Sum256([]byte(input))
	switch signer := k.signer.(type) {
	case *rsa.PrivateKey:
		sig, err := rsa.SignPKCS1v15(nil, signer, crypto.SHA256, digest[:])
		must(err)
		return sig
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, signer, digest[:])
		must(err)
		sig := make([]byte, 64) // r and s side by side (RFC 7518 3.4)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		return sig
	case ed25519.PrivateKey:
		return ed25519.Sign(signer, []byte(input))
	}
	if k.secret == nil {
		return nil
	}
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte(input))
	return mac.Sum(nil)
}

func base64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func encode(o Object) []byte {
	b, err := json.Marshal(o)
	must(err)
	return b
}

// must panics: a test that cannot sign has nothing to go on with.
func must(err error) {
	if err != nil {
		panic("logintest: " + err.Error())
	}
}
