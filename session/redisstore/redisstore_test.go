package redisstore_test

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sidegate/session"
	"sidegate/session/redisstore"
	"sidegate/session/sessiontest"
)

func TestRedisKeepsTheStoreContract(t *testing.T) {
	r := sessiontest.Redis(t)
	sessiontest.TestStore(t, func(t *testing.T) session.Store { return openPatient(t, r.URL) })
}

func TestEveryKeyIsOursAndHasALifetime(t *testing.T) {
	r := sessiontest.Redis(t)
	s, ctx := openPatient(t, r.URL), t.Context()
	for _, ttl := range []time.Duration{time.Nanosecond, 1500 * time.Microsecond, time.Minute, 100 * 365 * 24 * time.Hour} {
		r.Do("FLUSHALL")
		for _, err := range []error{
			s.Put(ctx, "put", nil, ttl),
			s.Put(ctx, "replaced", nil, time.Minute),
			s.Replace(ctx, "replaced", nil, ttl),
		} {
			if err != nil {
				t.Fatalf("lifetime %v: %v", ttl, err)
			}
		}
		if ok, err := s.PutIfAbsent(ctx, "claimed", nil, ttl); !ok || err != nil {
			t.Fatalf("lifetime %v: PutIfAbsent = %v, %v", ttl, ok, err)
		}
		keys := strings.Fields(r.Do("KEYS", "*"))
		if ttl >= time.Minute && len(keys) != 3 {
			t.Errorf("lifetime %v: keys %q, want 3", ttl, keys)
		}
		for _, key := range keys {
			left, err := strconv.ParseInt(r.Do("PTTL", key), 10, 64)
			// -1: no lifetime; -2: expired meanwhile
			if err != nil || left == -1 || left > max(1, ttl.Milliseconds()) {
				t.Errorf("lifetime %v: PTTL %s = %d, %v", ttl, key, left, err)
			}
			if !strings.HasPrefix(key, "sidegate:") {
				t.Errorf("key %q, want the prefix sidegate:", key)
			}
		}
	}
}

// Two commands for one change could be torn apart by a crash or by another replica.
func TestNoCallSendsMoreThanItsCommand(t *testing.T) {
	r := sessiontest.Redis(t)
	s, ctx := openPatient(t, r.URL), t.Context()
	r.Do("CONFIG", "RESETSTAT")
	s.Put(ctx, "a", nil, time.Minute)
	s.Replace(ctx, "a", nil, time.Minute)
	s.PutIfAbsent(ctx, "a", nil, time.Minute)
	s.Get(ctx, "a")
	s.Revoke(ctx, "a")
	var got []string
	for _, m := range regexp.MustCompile(`cmdstat_(\S+):calls=(\d+)`).FindAllStringSubmatch(r.Do("INFO", "commandstats"), -1) {
		got = append(got, m[1]+" "+m[2])
	}
	slices.Sort(got)
	// CONFIG is our own RESETSTAT; one greeting, and nothing about the client;
	// a revocation deletes and tells.
	want := []string{"config|resetstat 1", "del 1", "get 1", "hello 1", "publish 1", "set 3"}
	if !slices.Equal(got, want) {
		t.Errorf("commands %q, want %q", got, want)
	}
}

// A database number in the URL must be obeyed: another program may use number 0.
func TestTheDatabaseOfTheURLIsUsed(t *testing.T) {
	r := sessiontest.Redis(t)
	s := openPatient(t, strings.TrimSuffix(r.URL, "/0")+"/5")
	if err := s.Put(t.Context(), "a", nil, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := r.Do("INFO", "keyspace"); !strings.Contains(got, "db5:keys=1") || strings.Contains(got, "db0:") {
		t.Errorf("keyspace %q, want one key in db5 alone", got)
	}
}

func TestAServerWithoutRoomAnswersErrFull(t *testing.T) {
	r := sessiontest.Redis(t, "--maxmemory", "1", "--maxmemory-policy", "noeviction")
	s, ctx := openPatient(t, r.URL), t.Context()
	if err := s.Put(ctx, "a", nil, time.Minute); !errors.Is(err, session.ErrFull) {
		t.Errorf("Put = %v, want ErrFull", err)
	}
	if ok, err := s.PutIfAbsent(ctx, "a", nil, time.Minute); ok || !errors.Is(err, session.ErrFull) {
		t.Errorf("PutIfAbsent = %v, %v; want false, ErrFull", ok, err)
	}
	if _, err := s.Get(ctx, "a"); !errors.Is(err, session.ErrNone) {
		t.Errorf("Get = %v, want ErrNone: reading still works", err)
	}
}

// A key of another type under our name is trouble, not absence.
func TestAForeignRecordIsAFailureAndNotAbsence(t *testing.T) {
	r := sessiontest.Redis(t)
	r.Do("RPUSH", "sidegate:a", "x")
	if _, err := openPatient(t, r.URL).Get(t.Context(), "a"); err == nil || errors.Is(err, session.ErrNone) {
		t.Errorf("Get = %v, want a failure", err)
	}
}

func openPatient(t *testing.T, url string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.OpenPatient(url)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
