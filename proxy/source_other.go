//go:build !unix

package proxy

const canTry = false

func (s *source) tryRead(uintptr) bool { return true }

func (s *sink) tryWrite(uintptr) bool { return true }
