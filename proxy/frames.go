package proxy

import (
	"encoding/binary"

	"sidegate/session"
)

// frames follows the WebSocket frames of one direction (RFC 6455 5.2), so that a
// Close frame of ours can be put between two of theirs. It reads headers only and
// changes nothing; a stream that is not WebSocket at all passes just the same.
// The zero frames stands at the beginning of a stream.
type frames struct {
	head [14]byte // the present header, as far as seen
	have int      // how much of head is filled; 0 once the header is whole
	left uint64   // payload bytes still to come
	open bool     // a message in fragments is under way (RFC 6455 5.4)
}

const (
	opText      = 0x1
	opBinary    = 0x2
	opClose     = 0x8
	opControl   = 0x8 // this bit marks control frames: Close, Ping, Pong
	finBit      = 0x80
	maskBit     = 0x80
	length16    = 126
	length64    = 127
	maskKeySize = 4
)

// feed goes on over p and reports whether it saw a data frame begin.
func (f *frames) feed(p []byte) (data bool) {
	for len(p) > 0 {
		if f.left > 0 {
			n := min(uint64(len(p)), f.left)
			f.left -= n
			p = p[n:]
			continue
		}
		n := copy(f.head[f.have:f.headSize()], p)
		f.have += n
		p = p[n:]
		if f.have == f.headSize() {
			if f.head[0]&opControl == 0 {
				data, f.open = true, f.head[0]&finBit == 0
			}
			f.left, f.have = f.payload(), 0
		}
	}
	return data
}

// boundary reports whether the stream stands between two frames.
func (f *frames) boundary() bool { return f.have == 0 && f.left == 0 }

// between reports whether the stream stands between two messages.
func (f *frames) between() bool { return f.boundary() && !f.open }

// need returns how many bytes may be read without passing the end of the present
// frame; at least 1.
func (f *frames) need() int {
	if f.left > 0 {
		return int(min(f.left, 1<<30))
	}
	return f.headSize() - f.have
}

// headSize is the size of the present header, as far as is known: its first two
// bytes tell.
func (f *frames) headSize() int {
	if f.have < 2 {
		return 2
	}
	size := 2
	switch f.head[1] &^ maskBit {
	case length16:
		size += 2
	case length64:
		size += 8
	}
	if f.head[1]&maskBit != 0 {
		size += maskKeySize
	}
	return size
}

// payload is the payload length in a whole header.
func (f *frames) payload() uint64 {
	switch n := f.head[1] &^ maskBit; n {
	case length16:
		return uint64(binary.BigEndian.Uint16(f.head[2:]))
	case length64:
		return binary.BigEndian.Uint64(f.head[2:])
	default:
		return uint64(n)
	}
}

// closeFrame builds a Close frame (RFC 6455 5.5.1). Towards the app it is masked,
// as all that a client sends; the mask hides nothing here and may be zero.
func closeFrame(why session.Reason, masked bool) []byte {
	body := binary.BigEndian.AppendUint16(nil, why.Code)
	body = append(body, why.Text...)
	head := []byte{finBit | opClose, byte(len(body))}
	if masked {
		head[1] |= maskBit
		head = append(head, 0, 0, 0, 0)
	}
	return append(head, body...)
}

// messageFrame builds a whole message of the server's, text or binary, in one frame;
// it must be shorter than 64 KiB.
func messageFrame(op byte, payload []byte) []byte {
	head := []byte{finBit | op, byte(len(payload))}
	if len(payload) >= length16 {
		head = binary.BigEndian.AppendUint16([]byte{finBit | op, length16}, uint16(len(payload)))
	}
	return append(head, payload...)
}
