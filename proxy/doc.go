// Package proxy is the gate and what lies behind it: which requests pass, with
// which headers, over which connection to the app.
//
// # Life of a request
//
// Routes refuses what no reader of HTTP agrees on (CONNECT, TRACE, targets that
// are not a plain path, a foreign Host), answers our own exact paths under
// /_gate/, and gives everything else to the Gate. There, in this order:
//
//  1. public? Decided on the very bytes that will be forwarded. Then on without
//     identity; never a WebSocket.
//  2. session: none means 302 for a page load and 401 for anything else; a store
//     that cannot say means 503.
//  3. access: decided again on each request.
//  4. origin: a WebSocket must come from our own pages.
//  5. forward: HTTP through the Forwarder, WebSockets through the tunnel, which
//     ends with its session.
//
// Both ways to the app lead through Forwarder.clean and Forwarder.says. The first
// strips inbound identity names in every spelling, our cookies and forwarded headers,
// and the second lists ours, Host unchanged. Stripping depends on no path and no
// session, and no setting makes it less: what we do not say, nobody else does. What is
// said, and in which proxy's words, is in dialects.
package proxy
