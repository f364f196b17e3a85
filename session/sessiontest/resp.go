package sessiontest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// resp speaks as much of RESP2, the Redis protocol, as tests need to look into a
// server: with the client that is under test they would see only what it sees.
type resp struct{ *bufio.ReadWriter }

func newRESP(conn net.Conn) resp {
	return resp{bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn))}
}

func (c resp) do(args ...string) (string, error) {
	fmt.Fprintf(c, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(c, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if err := c.Flush(); err != nil {
		return "", err
	}
	return c.read()
}

func (c resp) read() (string, error) {
	line, err := c.ReadString('\n')
	if err != nil {
		return "", err
	}
	kind, line := line[0], strings.TrimSuffix(line[1:], "\r\n")
	switch kind {
	case '+', ':':
		return line, nil
	case '-':
		return "", errors.New(line)
	}
	n, err := strconv.Atoi(line)
	if err != nil || (kind != '$' && kind != '*') {
		return "", fmt.Errorf("not RESP2: %q", line)
	}
	if n < 0 {
		return "(nil)", nil
	}
	if kind == '$' {
		data := make([]byte, n+len("\r\n"))
		_, err := io.ReadFull(c, data)
		return string(data[:n]), err
	}
	elements := make([]string, n)
	for i := range elements {
		if elements[i], err = c.read(); err != nil {
			return "", err
		}
	}
	return strings.Join(elements, "\n"), nil
}
