package session

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"
)

// SEC-SESS-12: how long it takes to say "no such session" does not tell how much of
// a token was guessed right: what is compared are hashes. A hundred thousand samples
// of each kind in turns, so that a busy machine troubles both alike; compared are
// medians, with room for noise. A comparison that stops at the first difference of
// the token itself would show in the nanoseconds that a longer match takes, so this
// is a check against gross mistakes (a look-up only for some tokens, say).
func TestTheTimeOfARefusalTellsNothing(t *testing.T) {
	r := newRig(t, public, Limits{Max: time.Hour})
	c := r.signIn(t, alice())
	known, _ := ParseToken(c.Value)
	near := known
	near[31] ^= 1
	const samples = 100_000
	took := map[Token][]time.Duration{near: nil, NewToken(): nil}
	var requests []*http.Request
	var tokens []Token
	for token := range took {
		tokens = append(tokens, token)
		requests = append(requests, request(&http.Cookie{Name: c.Name, Value: token.Cookie()}))
	}
	for n := range 2 * samples {
		i := n % 2
		start := time.Now()
		_, err := r.Find(requests[i])
		took[tokens[i]] = append(took[tokens[i]], time.Since(start))
		if !errors.Is(err, ErrNone) {
			t.Fatal(err)
		}
	}
	median := func(d []time.Duration) time.Duration {
		slices.Sort(d)
		return d[len(d)/2]
	}
	a, b := median(took[tokens[0]]), median(took[tokens[1]])
	t.Logf("SEC-SESS-12: medians of %d refusals: %v and %v", samples, a, b)
	if max(a, b) > min(a, b)*3/2 {
		t.Errorf("a neighbour of a known token is refused in another time than a stranger: %v and %v", a, b)
	}
}
