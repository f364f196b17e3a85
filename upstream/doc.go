// Package upstream speaks HTTP/1.1 to one app, over TCP or a unix socket.
//
// It is a client for a proxy and nothing else: no redirects, no cookies, no
// compression, no TLS, no environment. What http.Transport spends on serving all
// other kinds of callers, two goroutines for a connection and a few copies of every
// header, is most of what passing a request on costs; here the goroutine that asks
// writes the request and reads the answer.
//
// # What it does not take
//
// An app is not trusted to be in nobody else's hands, so an answer is read in the
// one way that nobody reads differently, or not at all. Whatever is taken here
// net/http takes too and reads alike, a fuzz test sees to that. Not taken, though
// net/http would: a line that ends in a bare LF, a field over several lines
// (obs-fold), control characters in a value, Content-Length twice even if both
// agree, Content-Length along with Transfer-Encoding, Transfer-Encoding in HTTP/1.0,
// a status that is not three digits from 100 on, blanks around a chunk's size, and
// more heads, fields or interim answers than the limits say.
//
// # Connections
//
// A connection is used again only after a whole answer to a whole request, with
// nothing behind it. Before each use it is read from, without waiting: a byte there
// was asked for by nobody, and would be taken for the next person's answer
// (SEC-SMUG-13). One that somebody may have signed in, and not only a request, is nobody
// else's.
package upstream
