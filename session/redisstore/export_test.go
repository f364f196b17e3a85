package redisstore

import "time"

// OpenPatient is Open for tests of what is answered rather than when: on a busy
// machine a healthy server, too, can take longer than callTimeout.
func OpenPatient(url string) (*Store, error) { return open(url, 20*time.Second) }

// ErrOpen is the answer of an open breaker.
var ErrOpen = errOpen

// CloseBreakers has the next calls made, whatever failed before.
func (s *Store) CloseBreakers() { s.servers.forget() }
