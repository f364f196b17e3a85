package redisstore_test

import (
	"testing"

	"sidegate/session/sessiontest"
)

func TestWhatAFullServerDropsIsKnown(t *testing.T) {
	t.Parallel()
	r := sessiontest.Redis(t, "--maxmemory", "7mb", "--maxmemory-policy", "allkeys-lru")
	s := openPatient(t, r.URL)
	if policy, limit, err := s.Eviction(t.Context()); policy != "allkeys-lru" || limit != 7<<20 || err != nil {
		t.Errorf("Eviction = %q, %d, %v", policy, limit, err)
	}
	r.Do("ACL", "SETUSER", "default", "-info")
	if _, _, err := s.Eviction(t.Context()); err == nil {
		t.Error("a user without +info is told")
	}
}
