package fault

import (
	"io"
	"log"
	"net"
	"os"
	"strings"
	"time"
)

const (
	relayFrom = "FAULT_RELAY_FROM" // network and address, such as "unix /path"
	relayTo   = "FAULT_RELAY_TO"
)

// serveRelay passes connections on, from one network to another.
func serveRelay() {
	network, at := split(os.Getenv(relayFrom))
	l, err := net.Listen(network, at)
	if err != nil {
		log.Fatal(err)
	}
	for {
		from, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer from.Close()
			to, err := dial(os.Getenv(relayTo))
			if err != nil {
				return
			}
			join(from, to)
		}()
	}
}

// dial connects to an address such as "unix /path".
func dial(address string) (net.Conn, error) {
	network, at := split(address)
	return net.DialTimeout(network, at, 5*time.Second)
}

// split reads an address such as "unix /path".
func split(s string) (network, address string) {
	network, address, _ = strings.Cut(s, " ")
	return network, address
}

// join carries bytes both ways until both are done, and closes.
func join(a, b net.Conn) {
	defer a.Close()
	defer b.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(a, b)
		closeWrite(a)
	}()
	_, _ = io.Copy(b, a)
	closeWrite(b)
	<-done
}

func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
