package proxy

import (
	"net"
	"time"
)

// vanishedAfter is how long a peer may say nothing that TCP has to hear from it.
const vanishedAfter = 45 * time.Second

// keepAlive has the kernel ask a silent peer whether it is there.
func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 10 * time.Second, Count: 3}
}

// noticeVanished has the kernel end a connection whose peer is gone without a word:
// by keep-alive when nothing was sent, and else by the time that what was sent
// stays unacknowledged, which by itself would be a quarter of an hour.
func noticeVanished(c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	tcp.SetKeepAliveConfig(keepAlive())
	if raw, err := tcp.SyscallConn(); err == nil {
		boundUnacknowledged("", "", raw)
	}
}
