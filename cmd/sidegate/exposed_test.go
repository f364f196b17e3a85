package main

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// An app that listens on every address is reached past the gate (127.0.0.2 stands for
// another address of the machine: all of 127/8 is).
func TestAnAppThatListensEverywhereIsWarnedOf(t *testing.T) {
	others := []netip.Addr{netip.MustParseAddr("127.0.0.2")}
	for listen, want := range map[string]bool{"0.0.0.0:0": true, "127.0.0.1:0": false} {
		l, err := net.Listen("tcp4", listen)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		var log bytes.Buffer
		c := &child{addr: "127.0.0.1:" + port}
		c.warnExposed(t.Context(), others, slog.New(slog.NewTextHandler(&log, nil)))
		if got := strings.Contains(log.String(), "reached_at=127.0.0.2:"+port); got != want {
			t.Errorf("of an app on %s it is warned: %v, want %v: %s", listen, got, want, log.String())
		}
	}
	for _, a := range outside() {
		if a.IsLoopback() || !a.IsValid() {
			t.Errorf("%s counts as an address that others reach", a)
		}
	}
}
