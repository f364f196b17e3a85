package proxy

import "sync"

const (
	// smallBuffer is lent to a pipe that has to hold it while nothing comes, and
	// largeBuffer to one for which something is there, and to answers.
	smallBuffer = 2 << 10
	largeBuffer = 32 << 10
)

// bufferPool lends copy buffers to answers and tunnels.
type bufferPool struct{ small, large sync.Pool }

// Get lends a large one.
func (b *bufferPool) Get() []byte {
	if buf, ok := b.large.Get().(*[largeBuffer]byte); ok {
		return buf[:]
	}
	return make([]byte, largeBuffer)
}

// getSmall lends a small one.
func (b *bufferPool) getSmall() []byte {
	if buf, ok := b.small.Get().(*[smallBuffer]byte); ok {
		return buf[:]
	}
	return make([]byte, smallBuffer)
}

// Put takes either back.
func (b *bufferPool) Put(buf []byte) {
	switch buf = buf[:cap(buf)]; len(buf) {
	case smallBuffer:
		b.small.Put((*[smallBuffer]byte)(buf))
	case largeBuffer:
		b.large.Put((*[largeBuffer]byte)(buf))
	}
}
