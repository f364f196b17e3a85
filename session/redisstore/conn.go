package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// trust says which connections may be used again. go-redis pools them, and asks each
// one, through its SyscallConn, whether it is still in order before it takes it from
// the pool: there we refuse those that trouble has put in doubt. A call that is under
// way on such a connection is not disturbed.
type trust struct {
	born   atomic.Int64 // opened before this time (UnixNano): refused
	spoken atomic.Int64 // silent since before this time: refused
}

// endBefore gives up what was opened before t.
func (tr *trust) endBefore(t time.Time) { raise(&tr.born, t) }

// doubtSilentSince gives up what has not answered since t.
func (tr *trust) doubtSilentSince(t time.Time) { raise(&tr.spoken, t) }

func raise(mark *atomic.Int64, t time.Time) {
	for to := t.UnixNano(); ; {
		old := mark.Load()
		if old >= to || mark.CompareAndSwap(old, to) {
			return
		}
	}
}

// dialer opens connections.
type dialer struct {
	tls     bool
	servers *servers
	primary func(context.Context) (addr string, err error) // nil: the address that is asked for
}

// dial never fails: what it returns may be a connection that does. go-redis's pool
// gives up dialling after some errors and looks again only once a second, which
// would be added to the time of our own breaker.
func (d *dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	asked := addr
	if d.primary != nil {
		primary, err := d.primary(ctx)
		if err != nil {
			return failed{err}, nil
		}
		addr = primary
	}
	tcp, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return failed{err}, nil
	}
	c := &conn{Conn: tcp, socket: tcp, trust: &d.servers.at(asked).trust, born: time.Now().UnixNano()}
	c.spoken.Store(c.born)
	if !d.tls {
		return c, nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		tcp.Close()
		return failed{err}, nil
	}
	secure := tls.Client(tcp, &tls.Config{ServerName: host})
	if err := secure.HandshakeContext(ctx); err != nil {
		tcp.Close()
		return failed{fmt.Errorf("TLS: %w", err)}, nil
	}
	c.Conn = secure
	return c, nil
}

// conn is a connection that knows when it was opened and when it last had something
// to say.
type conn struct {
	net.Conn // TLS, or the socket itself
	socket   net.Conn
	trust    *trust
	born     int64
	spoken   atomic.Int64
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.spoken.Store(time.Now().UnixNano())
	}
	return n, err
}

var errDoubtful = errors.New("the connection is in doubt")

// SyscallConn is how go-redis looks, before it uses a connection again, whether the
// other side has closed it. Behind TLS it looks at the socket too: whatever waits
// there unread is the end of a connection, or a rarity that ends it.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	if c.born < c.trust.born.Load() || c.spoken.Load() < c.trust.spoken.Load() {
		return nil, errDoubtful
	}
	socket, ok := c.socket.(syscall.Conn)
	if !ok {
		return nil, errDoubtful
	}
	return socket.SyscallConn()
}

// failed is a connection that could not be opened: every use says why.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error)              { return 0, fmt.Errorf("no connection: %w", f.err) }
func (f failed) Write([]byte) (int, error)             { return 0, fmt.Errorf("no connection: %w", f.err) }
func (f failed) SyscallConn() (syscall.RawConn, error) { return nil, f.err } // never used again
func (failed) Close() error                            { return nil }
func (failed) LocalAddr() net.Addr                     { return &net.TCPAddr{} }
func (failed) RemoteAddr() net.Addr                    { return &net.TCPAddr{} }
func (failed) SetDeadline(time.Time) error             { return nil }
func (failed) SetReadDeadline(time.Time) error         { return nil }
func (failed) SetWriteDeadline(time.Time) error        { return nil }
