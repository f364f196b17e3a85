// Package session keeps people signed in: the cookie, the sealed record behind
// it, the store that holds the record, and the registry of open connections that
// must end with it.
//
// The cookie holds 32 random bytes, the token. The store's key is a hash of the
// token and of our public URL, so that who reads the store learns no cookie, and
// another app on the same store cannot use ours. The record is sealed with a key
// derived from the token and the server's secret: who reads the store learns
// nobody's address, and who writes to it cannot make a session.
//
// API tokens that the provider gave have a record of their own beside the session's.
// The ticket, made of the token one way, names it, and opens it together with the
// secret; the app is handed that, and never the token.
//
// Three answers are kept apart everywhere: a session, no session (ErrNone: sign
// in), and "the store cannot say" (any other error: 503, nothing is cleared).
package session
