package main

import "syscall"

// childAttributes keep the terminal's Ctrl-C from the app, which gets its signal
// from us after requests have finished, and let it not outlive us.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
