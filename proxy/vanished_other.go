//go:build !linux

package proxy

import "syscall"

// boundUnacknowledged does nothing where there is no TCP_USER_TIMEOUT.
func boundUnacknowledged(_, _ string, _ syscall.RawConn) error { return nil }
