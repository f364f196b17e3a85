package main

import (
	"os"
	"os/signal"
	"syscall"
)

// endSignals end the command: Ctrl-C, a service manager or container engine, and SIGHUP
// from a terminal whose window is closed. With nohup that one is ignored, and stays so.
func endSignals(command string) []os.Signal {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) && !passesHangUp(command) {
		ends = append(ends, syscall.SIGHUP)
	}
	return ends
}

// passesHangUp reports whether SIGHUP is for the app: without a terminal it is how people
// ask gunicorn and others to load themselves anew.
func passesHangUp(command string) bool {
	return (command == "run" || command == "demo") && !isTerminal(os.Stdin)
}

// passSignals hands on to the app, until stop is called, what is meant for it and would
// end us.
func (c *child) passSignals() (stop func()) {
	passed := []os.Signal{syscall.SIGUSR1, syscall.SIGUSR2}
	if !signal.Ignored(syscall.SIGHUP) && passesHangUp("run") {
		passed = append(passed, syscall.SIGHUP)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, passed...)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				c.proc.Signal(s)
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}
