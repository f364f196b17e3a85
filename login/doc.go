// Package login gets people signed in: the authorization code flow of OpenID
// Connect with PKCE, state and nonce, at Google or any other provider, and the
// way out again.
//
// # Life of a login
//
// Start seals an attempt (seed, return path, browser binding, time) into the
// state parameter. There is no record on our side, so a flood of anonymous
// requests writes nothing, any number of tabs sign in at once, and a restart or
// another replica finishes what was begun.
//
// Callback works in this order: open the state and compare the browser's binding
// before anything is asked of the provider; mark the attempt used, once for all
// replicas; exchange the code with the verifier; verify the ID token, with what
// go-oidc leaves to its caller; decide who may pass; make a new session and end
// the old one; go to the return path. What comes late, twice or from elsewhere
// ends on a page that leads on, never in a wall.
//
// # Access to APIs
//
// A sign-in may ask for more than who it is, and Connect asks somebody who is signed
// in: the same attempt, which ends with tokens for the session that there is. Who
// keeps them fresh is package tokens; Refresh and RevokeGrant are what it asks.
package login
