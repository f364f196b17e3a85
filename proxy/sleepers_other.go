//go:build !linux

package proxy

import (
	"errors"
	"os"
	"syscall"
)

// newBedroom fails: elsewhere than on Linux a goroutine waits for each pipe.
func newBedroom() (*os.File, error) { return nil, errors.ErrUnsupported }

func watchFor(*os.File, syscall.RawConn, int32) bool { return false }

func whoStirs(*os.File, []int32) ([]int32, error) { return nil, errors.ErrUnsupported }
