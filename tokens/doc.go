// Package tokens lets an app have access to the provider's APIs in the name of the
// person who uses it, without knowing what OAuth is: it asks GET /token on the
// private listener, with the ticket that each of the person's requests carries, and
// gets an access token that is good for minutes to come.
//
// The tokens themselves are in package session's care, sealed, beside the session
// they end with. This package keeps them fresh: before an access token expires a new
// one is fetched, once for all who ask, in this process and in others on the store;
// everybody else gets that one's result. What the provider has withdrawn is dropped,
// and the answer says where the person can give it again. A provider in trouble ends
// nothing: what is still good is handed out, and where nothing is, the app is told
// to come again.
//
// The refresh token never leaves the program but to the provider.
package tokens
