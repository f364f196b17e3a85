package proxy

// listenBytes is how far into a server's stream we listen, in bytes.
const listenBytes = 64 << 10

// listener hears the first whole messages of a server's stream, until one of them
// was what is looked for, or too much has passed.
type listener struct {
	heard   func(message []byte) (done bool)
	held    []byte // of the stream, from the beginning of a frame
	message []byte // of the message under way, the frames before
	left    int    // bytes of the stream still to look at
}

func newListener(heard func([]byte) bool) *listener {
	return &listener{heard: heard, left: listenBytes}
}

// look goes on over the next bytes of the stream, and reports whether it wants more.
func (l *listener) look(b []byte) (more bool) {
	if l.left -= len(b); l.left <= 0 {
		return false
	}
	l.held = append(l.held, b...)
	for {
		frame, size, ok := firstFrame(l.held)
		if !ok {
			return true
		}
		if l.held = l.held[size:]; len(l.held) == 0 {
			l.held = nil // a sleeping tunnel keeps no buffer
		}
		if l.take(frame) {
			return false
		}
	}
}

// take adds a frame to its message and reports whether that was the one.
func (l *listener) take(f wholeFrame) (done bool) {
	if f.first&opControl != 0 {
		return false
	}
	l.message = append(l.message, f.payload...)
	if f.first&finBit == 0 {
		return false
	}
	// A compressed one (RSV1, RFC 7692) is no message to whoever reads it next.
	done = l.heard(l.message)
	l.message = nil
	return done
}

// wholeFrame is a frame of a server's, which is not masked.
type wholeFrame struct {
	first   byte
	payload []byte
}

// firstFrame returns the frame that b begins with, and its size; not ok when b does
// not hold all of it.
func firstFrame(b []byte) (f wholeFrame, size int, ok bool) {
	var head frames
	n := copy(head.head[:2], b)
	head.have = n
	size = head.headSize()
	if n < 2 || len(b) < size {
		return f, 0, false
	}
	copy(head.head[:], b[:size])
	payload := head.payload()
	if payload > listenBytes || len(b) < size+int(payload) {
		return f, 0, false
	}
	return wholeFrame{b[0], b[size : size+int(payload)]}, size + int(payload), true
}
