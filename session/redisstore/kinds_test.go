package redisstore_test

import (
	"testing"

	"sidegate/session"
	"sidegate/session/sessiontest"
)

func TestAServerWatchedBySentinelsKeepsTheStoreContract(t *testing.T) {
	t.Parallel()
	set := sessiontest.Sentinel(t)
	sessiontest.TestStore(t, func(t *testing.T) session.Store { return openPatient(t, set.URL) })
}

func TestAClusterKeepsTheStoreContract(t *testing.T) {
	t.Parallel()
	c := sessiontest.Cluster(t)
	sessiontest.TestStore(t, func(t *testing.T) session.Store { return openPatient(t, c.URL) })
}
