package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// FLT-12, FLT-24: a process that is killed again and again while people sign in and
// out keeps everybody's session, brings nobody's back that was ended, and leaves a
// sound file.
func TestNobodyIsSignedOutWhenTheProcessIsKilledWithAFileStore(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sessions.db")
	s := newSite(t, settings{"SESSION_STORE": "file:" + file})
	delete(s.settings, "SECRET") // it is kept beside the file
	r := s.stopped(nil)
	sidegate.Path(t) // building it takes longer than starting it
	const rounds = 20
	var kept, left []*person
	var slowest time.Duration
	for round := range rounds {
		begin := time.Now()
		r.start()
		slowest = max(slowest, time.Since(begin))
		signed, ended := churnUntilKilled(t, r, fmt.Sprintf("r%d", round))
		kept, left = append(kept, signed...), append(left, ended...)
		wantSound(t, file)
	}
	r.start()
	lost := wantServed(t, kept, r.door)
	back := 0
	for _, p := range left {
		if got, err := r.ask(t.Context(), p, script, "/who"); err != nil || got.StatusCode != http.StatusUnauthorized {
			back++
			t.Errorf("%s signed out before the process was killed, and now gets %v, %v", p.name, got.Status, err)
		}
	}
	if len(kept) < rounds || len(left) == 0 {
		t.Errorf("%d people signed in and %d out: too few to show anything", len(kept), len(left))
	}
	t.Logf("FLT-12: sessions lost %d of %d, ended ones back %d of %d, kills %d; FLT-24: slowest start %s",
		lost, len(kept), back, len(left), rounds, ms(slowest))
	if slowest > 3*time.Second {
		t.Errorf("a start after a kill took %v; 300 ms are promised, and this machine may be busy", slowest)
	}
}

// churnUntilKilled has people sign in, every third of them out again, and kills the
// process in the middle of it. It returns who was told to be signed in and out.
func churnUntilKilled(t *testing.T, r *replica, name string) (signedIn, signedOut []*person) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	var people sync.WaitGroup
	for i := range 6 {
		people.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				p := newPerson(fmt.Sprintf("%s-%d-%d", name, i, n))
				if p.signIn(ctx, r.door) != nil {
					return // the process is gone
				}
				list := &signedIn
				if n%3 == 2 {
					cookies := newPerson(p.name) // the browser forgets the cookie, a thief would not
					cookies.jar["sidegate"] = p.jar["sidegate"]
					if p.signOut(ctx, r.door) != nil {
						return // nobody was told anything
					}
					p, list = cookies, &signedOut
				}
				mu.Lock()
				*list = append(*list, p)
				mu.Unlock()
			}
		})
	}
	time.Sleep(time.Duration(50+rand.IntN(250)) * time.Millisecond)
	r.Kill()
	cancel()
	people.Wait()
	r.client.CloseIdleConnections()
	return signedIn, signedOut
}

// wantSound has bbolt check every page.
func wantSound(t *testing.T, file string) {
	t.Helper()
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{Timeout: 5 * time.Second, ReadOnly: true})
	if err != nil {
		t.Errorf("the file is not sound: %v", err)
		return
	}
	defer db.Close()
	_ = db.View(func(tx *bbolt.Tx) error {
		for fault := range tx.Check() {
			t.Errorf("the file is not sound: %v", fault)
		}
		return nil
	})
}
