package redisstore

import "errors"

var errRestart = errors.New("redis: the URL has changed in more than its user and passwords: restart to use it")

// SetCredentials takes the user and the passwords of a URL that is otherwise the one
// the store was opened with. Connections opened from now on use them; those that are
// open go on until the server refuses one.
func (s *Store) SetCredentials(url string) error {
	a, c, err := parseURL(url)
	if err != nil {
		return err
	}
	if a != s.address {
		return errRestart
	}
	if c != *s.credentials.Load() {
		s.keepSecrets(c)
		s.credentials.Store(&c)
		s.servers.forget() // what failed for want of them
	}
	return nil
}
