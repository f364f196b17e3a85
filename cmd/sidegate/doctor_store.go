package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"sidegate/config"
	"sidegate/doctor"
	"sidegate/session"
	"sidegate/session/redisstore"
)

const storeGroup = "Sessions"

// storeChecks look at the session store, by doing what sidegate does with it.
func (p *patient) storeChecks() []doctor.Check {
	store := p.config.Session.Store
	checks := []doctor.Check{
		{Group: storeGroup, Name: "store", Look: p.store},
		doctor.Simple(storeGroup, "store-keeps", p.keeps),
	}
	switch {
	case store.Kind == "":
		return skipped(checks, "SIDEGATE_SESSION_STORE has a fault")
	case store.Kind == config.StoreRedis && p.order.offline:
		return skipped(checks, "--offline")
	}
	return checks
}

func (p *patient) store(ctx context.Context) []doctor.Finding {
	c := p.config.Session.Store
	if c.Kind == config.StoreFile {
		if p.running {
			return []doctor.Finding{p.storeInUse(ctx)}
		}
		if f, done := newStoreFile(c.Path); done {
			return []doctor.Finding{f}
		}
	}
	s, err := openStore(c)
	if err != nil {
		return doctor.Store(ctx, storeName(c), []doctor.Step{{Name: "be opened", Do: func(context.Context) error { return err }}})
	}
	defer s.Close()
	return doctor.Store(ctx, storeName(c), storeSteps(s))
}

// storeInUse asks the running sidegate, which alone may have the file open.
func (p *patient) storeInUse(ctx context.Context) doctor.Finding {
	at := "http://" + p.admin.addr + "/readyz" // whose answer counts whatever its status
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return doctor.Unknown("%v", err)
	}
	res, err := p.admin.http.Do(req)
	if err != nil {
		return doctor.Unknown("the running sidegate does not say")
	}
	defer res.Body.Close()
	var parts map[string]string
	if json.NewDecoder(res.Body).Decode(&parts) != nil || parts["store"] != "ok" {
		return doctor.Bad("the running sidegate cannot use its store: "+parts["store"], "Look into its log.")
	}
	return doctor.Good("%s is open in the running sidegate", storeName(p.config.Session.Store))
}

// newStoreFile looks whether a file that is not there yet could be made. Making it would
// make it that of whoever asks doctor.
func newStoreFile(path string) (f doctor.Finding, done bool) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return f, false
	}
	dir := filepath.Dir(path)
	probe, err := os.CreateTemp(dir, ".sidegate-doctor-*")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return doctor.Bad(fmt.Sprintf("there is no directory %s for the session file", dir), "Make it, for sidegate's user alone: mkdir -p -m 700 "+dir), true
	case err != nil:
		return doctor.Bad(fmt.Sprintf("the session file cannot be made in %s: %v", dir, errors.Unwrap(err)), "Let sidegate's user write to "+dir+", or name another file in SIDEGATE_SESSION_STORE."), true
	}
	probe.Close()
	os.Remove(probe.Name())
	return doctor.Good("the file %s can be made", path), true
}

// storeSteps are everything that a session's life needs, on records of doctor's own.
func storeSteps(s session.Store) []doctor.Step {
	key, group := "doctor-"+rand.Text(), "doctor-group-"+rand.Text()
	const ttl = 30 * time.Second // should doctor be killed
	return []doctor.Step{
		{Name: "write a record", Do: func(ctx context.Context) error { return s.Put(ctx, key, []byte("probe"), ttl) }},
		{Name: "read a record", Do: func(ctx context.Context) error { return sameRecord(ctx, s, key) }},
		{Name: "extend a record", Do: func(ctx context.Context) error { return s.Extend(ctx, key, ttl) }},
		{Name: "keep an index", Do: func(ctx context.Context) error { return indexes(ctx, s, group, key) }},
		{Name: "list records", Do: func(ctx context.Context) error {
			return s.Each(ctx, "doctor-", func(string, []byte) error { return nil })
		}},
		{Name: "tell of revocations", Do: func(ctx context.Context) error { return tells(ctx, s, key) }},
		{Name: "let a record end", Do: func(ctx context.Context) error { return ends(ctx, s, key) }},
	}
}

func sameRecord(ctx context.Context, s session.Store, key string) error {
	value, err := s.Get(ctx, key)
	if err == nil && string(value) != "probe" {
		err = errors.New("it holds something else than was written")
	}
	return err
}

func indexes(ctx context.Context, s session.Store, group, key string) error {
	if err := s.Join(ctx, group, key, 30*time.Second); err != nil {
		return err
	}
	members, err := s.Members(ctx, group)
	if err == nil && len(members) != 1 {
		err = errors.New("it does not find what was put into it")
	}
	return errors.Join(err, s.Leave(ctx, group, key))
}

// tells revokes the record, and waits to hear of it.
func tells(ctx context.Context, s session.Store, key string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	why, revoked := errors.New("nothing is heard"), false
	for notice := range s.Revoked(ctx) {
		if notice.Err != nil {
			why = notice.Err
			break
		}
		if notice.Up && !revoked {
			revoked = true
			if err := s.Revoke(ctx, key); err != nil {
				return err
			}
		}
		for _, k := range notice.Keys {
			if k == key {
				return nil
			}
		}
	}
	return why
}

// ends waits for the end of a record's lifetime, which is right to within a second.
func ends(ctx context.Context, s session.Store, key string) error {
	if err := s.Put(ctx, key, []byte("probe"), 300*time.Millisecond); err != nil {
		return err
	}
	for giveUp := time.Now().Add(2 * time.Second); time.Now().Before(giveUp); time.Sleep(50 * time.Millisecond) {
		if _, err := s.Get(ctx, key); errors.Is(err, session.ErrNone) {
			return nil
		}
	}
	return errors.New("it is there still after its lifetime")
}

// keeps looks what the store loses.
func (p *patient) keeps(ctx context.Context) doctor.Finding {
	switch c := p.config.Session.Store; c.Kind {
	case config.StoreMemory:
		return doctor.Beware("sessions are kept in memory: a restart signs everybody out",
			"Keep them in a file (SIDEGATE_SESSION_STORE=file:/PATH/sessions.db), or in Redis where there are replicas.")
	case config.StoreFile:
		return doctor.Good("sessions survive a restart")
	default:
		s, err := redisstore.Open(c.URL.Reveal())
		if err != nil {
			return doctor.Unknown("Redis does not answer")
		}
		defer s.Close()
		return doctor.Eviction(s.Eviction(ctx))
	}
}
