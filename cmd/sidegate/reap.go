package main

import (
	"os"
	"os/exec"
	"syscall"
)

// wait waits until the app has ended and returns its exit code. As a container's first
// process we inherit every process whose parent is gone, and each stays as a zombie until
// somebody asks after it: then it is we who have to ask after all of them.
func wait(cmd *exec.Cmd) int {
	if os.Getpid() != 1 {
		return codeOf(cmd.Wait())
	}
	code := reapUntil(cmd.Process.Pid)
	go reapUntil(0) // what it leaves behind
	return code
}

// reapUntil asks after children until the one with that number has ended, and returns
// its exit code; with 0, until there are none.
func reapUntil(pid int) int {
	for {
		var status syscall.WaitStatus
		switch ended, err := syscall.Wait4(-1, &status, 0, nil); {
		case err == syscall.EINTR:
		case err != nil:
			return 0 // no children
		case ended == pid:
			return codeOfStatus(status)
		}
	}
}

// codeOfStatus is the exit code as a shell reports it.
func codeOfStatus(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
