package config

import (
	"os"
	"syscall"
	"time"
)

// pipeTime is how long a pipe may take to say something.
const pipeTime = 2 * time.Second

// openFile opens a file with settings, and waits for nobody: opening a pipe would take
// until somebody writes into it, and reading one for ever. Anybody can put a pipe into a
// folder like /tmp under the name of EnvFile. A pipe with a writer, as a shell makes it
// of <(…), is read.
func openFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	_ = f.SetReadDeadline(time.Now().Add(pipeTime)) // a plain file has none, and needs none
	return f, nil
}
