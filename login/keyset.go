package login

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	// fruitlessWait is the pause after keys were fetched for a token that none of
	// them signed.
	fruitlessWait = 10 * time.Second
	// failedWait is the pause after keys could not be fetched.
	failedWait = time.Second
)

// keySet verifies signatures with the provider's keys. go-oidc fetches them again
// for every token it cannot verify; forged tokens would make us hammer the
// provider (SEC-OIDC-15). So a fetch that helped is free, as key rotation needs,
// and one that did not closes the door for a while.
type keySet struct {
	remote oidc.KeySet
	door   *door
}

func newKeySet(client *http.Client, jwksURL string, now func() time.Time) *keySet {
	d := &door{base: client.Transport, now: now}
	guarded := *client
	guarded.Transport = d
	ctx := oidc.ClientContext(context.Background(), &guarded)
	return &keySet{remote: oidc.NewRemoteKeySet(ctx, jwksURL), door: d}
}

// VerifySignature implements oidc.KeySet.
func (k *keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.remote.VerifySignature(ctx, jwt)
	if errors.Is(err, errMomentAgo) {
		// Perhaps for somebody else, and between our look at the cache and our turn
		// to fetch: the key may be there now.
		payload, err = k.remote.VerifySignature(ctx, jwt)
	}
	if err == nil {
		k.door.open()
	}
	if noted, ok := ctx.Value(noKeysKey{}).(*bool); ok {
		*noted = err != nil && (k.door.hasFailed() || ctx.Err() != nil)
	}
	return payload, err
}

type noKeysKey struct{}

// noteNoKeys returns a context under which a verification that fails notes
// whether that was for want of the provider's keys: then nobody knows whether the
// signature is good. go-oidc makes one error of both.
func noteNoKeys(ctx context.Context) (context.Context, *bool) {
	noted := new(bool)
	return context.WithValue(ctx, noKeysKey{}, noted), noted
}

var errMomentAgo = errors.New("the provider's keys were fetched a moment ago")

// door is a RoundTripper that lets a fetch pass only when the last one helped,
// or lies far enough back.
type door struct {
	base http.RoundTripper
	now  func() time.Time

	mu     sync.Mutex
	next   time.Time // no fetch before this
	failed bool      // the last fetch did
}

func (d *door) open() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next = time.Time{}
}

func (d *door) hasFailed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// RoundTrip implements http.RoundTripper.
func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	if d.now().Before(d.next) {
		d.mu.Unlock()
		return nil, errMomentAgo
	}
	d.next = d.now().Add(fruitlessWait)
	d.mu.Unlock()

	res, err := d.base.RoundTrip(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed = err != nil || res.StatusCode != http.StatusOK; d.failed {
		d.next = d.now().Add(failedWait)
	}
	return res, err
}
