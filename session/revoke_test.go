package session

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sidegate/identity"
)

func bob() identity.Identity {
	return identity.Identity{Issuer: "https://op.example", Subject: "bob", Email: "bob@example.com"}
}

func ids(sessions []Info) []string {
	var all []string
	for _, s := range sessions {
		all = append(all, s.ID)
	}
	return all
}

// A person finds the sessions that are theirs, and nobody else's, with what helps
// to recognise them.
func TestAPersonsSessionsAreListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, newCounted(t), day)
		req := request()
		req.Header.Set("User-Agent", "Mozilla/5.0 \x1b[31m(X11; Linux)"+strings.Repeat("x", 1000))
		w := httptest.NewRecorder()
		if _, err := r.Create(w, req, SignIn{Identity: alice(), Address: "192.0.2.7"}); err != nil {
			t.Fatal(err)
		}
		first := r.wants(w.Result().Cookies()[0], nil, "at first")
		time.Sleep(time.Hour)
		second := r.wants(r.signIn(alice()), nil, "at first")
		r.signIn(bob())
		got, err := r.Sessions(t.Context(), alice())
		if err != nil || !slices.Equal(ids(got), []string{second.ID, first.ID}) {
			t.Fatalf("Sessions = %v, %v; want the two, the last used first", ids(got), err)
		}
		old := got[1]
		if old.Address != "192.0.2.7" || !strings.HasPrefix(old.Browser, "Mozilla/5.0 [31m(X11") || len(old.Browser) > maxBrowser {
			t.Errorf("address %q, browser %q", old.Address, old.Browser)
		}
		if old.Identity.Email != "alice@example.com" || !old.Created.Equal(first.Created) || !old.Ends.Equal(first.Ends) || !old.Expires.Equal(first.Expires) {
			t.Errorf("listed %+v, want %+v", old, first)
		}
		if other, err := r.Sessions(t.Context(), identity.Identity{Issuer: "https://other.example", Subject: "alice"}); err != nil || len(other) > 0 {
			t.Errorf("the same subject of another provider: %v, %v", other, err)
		}
	})
}

// What expired is neither listed nor kept in the index.
func TestExpiredSessionsLeaveTheList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		r := newReplica(t, store, Limits{Idle: time.Minute, Max: time.Hour})
		r.signIn(alice())
		time.Sleep(2 * time.Minute)
		if got, err := r.Sessions(t.Context(), alice()); err != nil || len(got) > 0 {
			t.Errorf("Sessions = %v, %v; want none", got, err)
		}
		group := r.sealer.subjectGroups(alice().Issuer, alice().Subject)[0]
		if got, _ := store.Members(t.Context(), group); len(got) > 0 {
			t.Errorf("the index still holds %v", got)
		}
	})
}

// SEC-OUT-04, SEC-OUT-11: signing out everywhere, by subject, by the provider's
// session, by a rule: exactly those end, on every replica.
func TestWhatIsRevokedEnds(t *testing.T) {
	for name, c := range map[string]struct {
		revoke func(replica) (int, error)
		want   int
		ends   string // of a1, a2 (two of alice's), b
	}{
		"everywhere":                  {func(r replica) (int, error) { return r.EndSubject(t.Context(), alice().Issuer, "alice") }, 2, "a1 a2"},
		"another provider's subject":  {func(r replica) (int, error) { return r.EndSubject(t.Context(), "https://other.example", "alice") }, 0, ""},
		"the provider's session":      {func(r replica) (int, error) { return r.EndProviderSession(t.Context(), alice().Issuer, "sid-1") }, 1, "a1"},
		"an unknown provider session": {func(r replica) (int, error) { return r.EndProviderSession(t.Context(), alice().Issuer, "") }, 0, ""},
		"by e-mail": {func(r replica) (int, error) {
			return r.EndWhere(t.Context(), func(i Info) bool { return i.Identity.Email == "bob@example.com" })
		}, 1, "b"},
		"all": {func(r replica) (int, error) { return r.EndWhere(t.Context(), func(Info) bool { return true }) }, 3, "a1 a2 b"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newCounted(t)
				r, other := newReplica(t, store, day), newReplica(t, store, day)
				closed := make(map[string]bool)
				for _, in := range []struct {
					name string
					SignIn
				}{
					{"a1", SignIn{Identity: alice(), Provider: Provider{SessionID: "sid-1"}}},
					{"a2", SignIn{Identity: alice(), Provider: Provider{SessionID: "sid-2"}}},
					{"b", SignIn{Identity: bob()}},
				} {
					w := httptest.NewRecorder()
					if _, err := r.Create(w, request(), in.SignIn); err != nil {
						t.Fatal(err)
					}
					cookie := w.Result().Cookies()[0]
					other.Live.Add(other.wants(cookie, nil, "before"), func(Reason) { closed[in.name] = true })
				}
				n, err := c.revoke(r)
				if err != nil || n != c.want {
					t.Errorf("%d ended, %v; want %d", n, err, c.want)
				}
				synctest.Wait()
				var ended []string
				for name := range closed {
					ended = append(ended, name)
				}
				slices.Sort(ended)
				if got := strings.Join(ended, " "); got != c.ends {
					t.Errorf("connections of %q closed at the other replica, want %q", got, c.ends)
				}
				left := 0
				r.Each(t.Context(), func(Info) error { left++; return nil })
				if left != 3-c.want {
					t.Errorf("%d sessions are left, want %d", left, 3-c.want)
				}
			})
		})
	}
}

// One session out of the list can be ended, but no other person's.
func TestOnlyOnesOwnSessionCanBeEnded(t *testing.T) {
	r := newReplica(t, newCounted(t), day)
	mine, theirs := r.wants(r.signIn(alice()), nil, ""), r.wants(r.signIn(bob()), nil, "")
	if there, err := r.EndOne(t.Context(), alice(), theirs.ID); there || err != nil {
		t.Errorf("ending another's session: %v, %v", there, err)
	}
	if _, err := r.Refresh(t.Context(), theirs); err != nil {
		t.Errorf("another's session: %v", err)
	}
	if there, err := r.EndOne(t.Context(), alice(), mine.ID); !there || err != nil {
		t.Errorf("ending one's own session: %v, %v", there, err)
	}
	if _, err := r.Refresh(t.Context(), mine); err != ErrNone {
		t.Errorf("one's own session, ended: %v", err)
	}
}

// FLT-27, SEC-SESS-10: with a new secret in front nobody signs in again, and who is
// active stays revocable when the old one is retired.
func TestARotatedSecretKeepsSessionsRevocable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		k := keys(t, secretA)
		start := func() replica {
			m := NewManager(Options{Store: store, Keys: k, Live: &Live{}, Audience: public, Limits: day, Now: time.Now})
			return replica{m, t}
		}
		r := start()
		c, idle := r.signIn(alice()), r.signIn(alice())
		if err := k.Replace(secretB, secretA); err != nil {
			t.Fatal(err)
		}
		r = start()
		if n := len(first(r.Sessions(t.Context(), alice()))); n != 2 {
			t.Errorf("%d sessions listed after the rotation, want 2", n)
		}
		time.Sleep(2 * time.Minute)
		if _, err := r.Touch(t.Context(), r.wants(c, nil, "after the rotation")); err != nil {
			t.Fatal(err)
		}
		if err := k.Replace(secretB); err != nil {
			t.Fatal(err)
		}
		r = start()
		r.wants(c, nil, "active after the rotation, when the old secret is retired")
		r.wants(idle, ErrNone, "not active since, when the old secret is retired")
		if n, err := r.EndSubject(t.Context(), alice().Issuer, "alice"); n != 1 || err != nil {
			t.Errorf("%d ended, %v; want the one that is left", n, err)
		}
		r.wants(c, ErrNone, "revoked")
	})
}

func first[T any](v T, _ error) T { return v }

// FLT-25: what a newer version wrote into a record survives an older one that notes
// activity.
func TestUnknownFieldsOfARecordAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		r := newReplica(t, store, day)
		c := r.signIn(alice())
		token, _ := ParseToken(c.Value)
		s := r.wants(c, nil, "at first")
		s.rest = fields{"tokens": json.RawMessage(`{"access":"\u0041}"}`), "z": json.RawMessage(`[1,2]`)}
		value, err := r.sealer.seal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Put(t.Context(), token.key(public), value, time.Hour); err != nil {
			t.Fatal(err)
		}
		older := newReplica(t, store, day)
		time.Sleep(2 * time.Minute)
		if _, err := older.Touch(t.Context(), older.wants(c, nil, "for an older version")); err != nil {
			t.Fatal(err)
		}
		got := newReplica(t, store, day).wants(c, nil, "for the newer version")
		if string(got.rest["tokens"]) != `{"access":"\u0041}"}` || string(got.rest["z"]) != `[1,2]` || len(got.rest) != 2 {
			t.Errorf("kept %s, want the two fields as they were", got.rest)
		}
		if !got.Seen.After(s.Seen) {
			t.Error("the activity was not noted")
		}
	})
}

// The feed may carry anything: whoever writes to the store writes to it.
func TestNoticesOfOthersAreHarmless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCounted(t)
		store.feed = make(chan Notice)
		r := newReplica(t, store, day)
		c := r.signIn(alice())
		store.feed <- Notice{Up: true, Keys: []string{"", "s:", "s", "x", strings.Repeat("s:", 33), "\x00", "s:" + strings.Repeat("0", 64)}}
		r.wants(c, nil, "afterwards")
	})
}

// SEC-SESS-07: a card is sealed for its record; one of another record, of another
// app or of another server says nothing.
func TestACardOfAnotherRecordIsNone(t *testing.T) {
	store := newCounted(t)
	r := newReplica(t, store, day)
	r.signIn(alice())
	var keysFound []string
	store.Each(t.Context(), "s:", func(key string, value []byte) error {
		keysFound = append(keysFound, key)
		return store.Put(t.Context(), "s:"+strings.Repeat("0", 64), value, time.Hour)
	})
	listed := 0
	r.Each(t.Context(), func(Info) error { listed++; return nil })
	if listed != 1 {
		t.Errorf("%d sessions listed, want the one that is where it was put", listed)
	}
	for name, change := range map[string]func(*Options){
		"another app":    func(o *Options) { o.Audience = "https://other.example" },
		"another secret": func(o *Options) { o.Keys = keys(t, secretB) },
	} {
		o := r.Options
		change(&o)
		NewManager(o).Each(t.Context(), func(i Info) error { t.Errorf("%s reads %+v", name, i); return nil })
	}
	if len(keysFound) != 1 {
		t.Fatalf("%d records", len(keysFound))
	}
}

// SEC-OUT-02, SEC-OUT-12: with the cookie goes what the browser kept of pages, so that
// Back shows none of them; what the app itself stored there stays.
func TestSignOutEmptiesTheBrowsersCaches(t *testing.T) {
	r := newReplica(t, newCounted(t), day)
	c := r.signIn(alice())
	w := httptest.NewRecorder()
	if _, err := r.End(w, request(c)); err != nil {
		t.Fatal(err)
	}
	if got := w.Header().Get("Clear-Site-Data"); got != `"cache"` {
		t.Errorf("Clear-Site-Data = %q, want the caches and nothing else", got)
	}
}
