package rig

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Socket is the client's side of an open WebSocket (RFC 6455), in bytes: it shows
// what was sent, and not what a library makes of it.
type Socket struct {
	Answer *http.Response // to the handshake
	conn   net.Conn
	in     *bufio.Reader
}

// The opcodes of RFC 6455 5.2 that tests need.
const (
	OpText  = 1
	OpClose = 8
	OpPing  = 9
	OpPong  = 10
)

// OpenSocket makes the handshake over a connection, which it closes when that
// fails; header names Host, Origin, Cookie and what else is to be said. Any answer
// but 101 is an error.
func OpenSocket(conn net.Conn, path string, header http.Header) (*Socket, error) {
	s := &Socket{conn: conn, in: bufio.NewReaderSize(conn, 512)}
	if err := s.shake(path, header); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

func (s *Socket) shake(path string, header http.Header) error {
	out := bufio.NewWriter(s.conn)
	fmt.Fprintf(out, "GET %s HTTP/1.1\r\n", path)
	_ = header.Write(out)
	fmt.Fprint(out, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err := out.Flush(); err != nil {
		return err
	}
	var err error
	if s.Answer, err = http.ReadResponse(s.in, nil); err != nil {
		return err
	}
	if s.Answer.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(io.LimitReader(s.Answer.Body, 300))
		return fmt.Errorf("the WebSocket was answered %s %s", s.Answer.Status, body)
	}
	return nil
}

// SetDeadline bounds all that follows.
func (s *Socket) SetDeadline(t time.Time) { _ = s.conn.SetDeadline(t) }

// Close closes the connection without a Close frame.
func (s *Socket) Close() { s.conn.Close() }

// Frame reads one frame. io.EOF: the connection was closed, in order, between two.
func (s *Socket) Frame() (opcode byte, payload []byte, err error) {
	head := make([]byte, 2, 8)
	if _, err := io.ReadFull(s.in, head); err != nil {
		return 0, nil, err
	}
	opcode, length := head[0]&0xf, uint64(head[1]&0x7f)
	if extra := map[uint64]int{126: 2, 127: 8}[length]; extra > 0 {
		long := make([]byte, 8)
		if _, err := io.ReadFull(s.in, long[8-extra:]); err != nil {
			return 0, nil, fmt.Errorf("in a frame: %w", err)
		}
		length = binary.BigEndian.Uint64(long)
	}
	payload = make([]byte, length)
	if _, err := io.ReadFull(s.in, payload); err != nil {
		return 0, nil, fmt.Errorf("in a frame: %w", err)
	}
	return opcode, payload, nil
}

// Send sends one frame of at most 125 bytes. The mask is a constant: it protects
// proxies that know nothing of WebSockets, and there is none here.
func (s *Socket) Send(opcode byte, payload []byte) error {
	frame := append([]byte{0x80 | opcode, 0x80 | byte(len(payload)), 1, 2, 3, 4}, payload...)
	for i := range payload {
		frame[6+i] ^= frame[2+i%4]
	}
	_, err := s.conn.Write(frame)
	return err
}

// CloseCode reads a Close frame's payload (RFC 6455 5.5.1); 1005 stands for none.
func CloseCode(payload []byte) (code int, reason string) {
	if len(payload) < 2 {
		return 1005, ""
	}
	return int(binary.BigEndian.Uint16(payload)), string(payload[2:])
}
