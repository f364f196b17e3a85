package proxy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-jose/go-jose/v4"
)

// signingKeys are the keys of the secrets in force. Every replica makes the same
// ones, so what one signs can be checked by what another publishes.
type signingKeys struct {
	signer jose.Signer // with the key of the newest secret
	public []byte      // all of them as a JWK Set (RFC 7517 5)
}

func newSigningKeys(secrets Secrets) (signingKeys, error) {
	private, err := privateKeys(secrets.Derive)
	if err != nil {
		return signingKeys{}, err
	}
	var set jose.JSONWebKeySet
	for _, key := range private {
		jwk, err := published(key)
		if err != nil {
			return signingKeys{}, err
		}
		if len(set.Key(jwk.KeyID)) == 0 { // a secret may be listed twice
			set.Keys = append(set.Keys, jwk)
		}
	}
	public, err := json.Marshal(set)
	if err != nil {
		return signingKeys{}, fmt.Errorf("encode the keys of assertions: %w", err)
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private[0], KeyID: set.Keys[0].KeyID}},
		new(jose.SignerOptions).WithType("JWT"))
	if err != nil {
		return signingKeys{}, fmt.Errorf("the key of assertions: %w", err)
	}
	return signingKeys{signer, public}, nil
}

// privateKeys makes the P-256 key of each secret.
func privateKeys(derive func(purpose string, size int) ([][]byte, error)) ([]*ecdsa.PrivateKey, error) {
	var keys []*ecdsa.PrivateKey
	// One in 2^32 numbers of this size is no key; the next try will be.
	for try := range 8 {
		all, err := derive("assertion key "+strconv.Itoa(try), 32)
		if err != nil {
			return nil, fmt.Errorf("the key of assertions: %w", err)
		}
		if keys == nil {
			keys = make([]*ecdsa.PrivateKey, len(all))
		}
		for i, b := range all {
			if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), b); err == nil && keys[i] == nil {
				keys[i] = key
			}
		}
		if len(keys) > 0 && !slices.Contains(keys, nil) {
			return keys, nil
		}
	}
	return nil, fmt.Errorf("no key of assertions can be made of %d secrets", len(keys))
}

// published is what everybody may know of a key, named by its thumbprint (RFC 7638).
func published(key *ecdsa.PrivateKey) (jose.JSONWebKey, error) {
	jwk := jose.JSONWebKey{Key: key.Public(), Algorithm: string(jose.ES256), Use: "sig"}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return jwk, fmt.Errorf("name a key of assertions: %w", err)
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	return jwk, nil
}

// sign returns the JWT of a payload, in the form that fits a header (RFC 7515 3.1).
func (k signingKeys) sign(payload []byte) (string, error) {
	signed, err := k.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign an assertion: %w", err)
	}
	return signed.CompactSerialize()
}
