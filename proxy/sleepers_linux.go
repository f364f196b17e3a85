package proxy

import (
	"os"
	"syscall"
)

// newBedroom makes an epoll instance (epoll(7)) for which the runtime can wait, as
// for any descriptor.
func newBedroom() (*os.File, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // os.NewFile looks at it
		syscall.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "epoll"), nil
}

// watchFor has the bedroom tell once, by number, when something comes, or the
// connection ends. It tells at once if that is so already. A descriptor that is closed
// is forgotten by itself.
func watchFor(bedroom *os.File, c syscall.RawConn, number int32) (ok bool) {
	room, err := bedroom.SyscallConn()
	if err != nil {
		return false
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT, Fd: number}
	err = c.Control(func(fd uintptr) {
		_ = room.Control(func(ep uintptr) {
			err := syscall.EpollCtl(int(ep), syscall.EPOLL_CTL_MOD, int(fd), &event)
			if err == syscall.ENOENT {
				err = syscall.EpollCtl(int(ep), syscall.EPOLL_CTL_ADD, int(fd), &event)
			}
			ok = err == nil
		})
	})
	return ok && err == nil
}

// whoStirs waits, and adds the numbers of those for whom something came.
func whoStirs(bedroom *os.File, numbers []int32) ([]int32, error) {
	room, err := bedroom.SyscallConn()
	if err != nil {
		return nil, err
	}
	var failed error
	err = room.Read(func(ep uintptr) (done bool) {
		var events [64]syscall.EpollEvent
		n, err := syscall.EpollWait(int(ep), events[:], 0)
		if err != nil && err != syscall.EINTR {
			failed = err
			return true
		}
		for _, e := range events[:max(n, 0)] {
			numbers = append(numbers, e.Fd)
		}
		return len(numbers) > 0
	})
	if err == nil {
		err = failed
	}
	return numbers, err
}
