package main

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// What the app answers.
const (
	pathSmall = "/small" // smallSize bytes, counted by the query
	pathLarge = "/large" // largeSize
	pathHuge  = "/huge"  // hugeSize
	pathWho   = "/who"   // the request's header, as it arrived
	pathCount = "/count" // how many small ones there were with the same query
	pathWS    = "/ws"    // a WebSocket that sends everything back

	smallSize = 1 << 10
	largeSize = 1 << 20
	hugeSize  = 200 << 20
)

// app stands in for a dashboard. It does as little as it can, so that what a request
// costs is the proxy's.
type app struct {
	small, large []byte
	loads        sync.Map // how often the small page was asked for, by the request's query
}

func newApp() *app { return &app{small: content(smallSize), large: content(largeSize)} }

// content is what the app sends, so that whoever gets it can tell that nothing else
// answered.
func content(size int) []byte {
	const line = "This is what the app behind the gate says, and nobody else does.\n"
	return bytes.Repeat([]byte(line), size/len(line)+1)[:size]
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case pathSmall:
		a.load(r).Add(1)
		a.send(w, a.small)
	case pathLarge:
		a.send(w, a.large)
	case pathHuge:
		a.head(w, hugeSize)
		for range hugeSize / largeSize {
			if _, err := w.Write(a.large); err != nil {
				return
			}
		}
	case pathWho:
		_ = r.Header.Write(w)
	case pathCount:
		fmt.Fprint(w, a.load(r).Load())
	case pathWS:
		echo(w, r)
	default:
		http.NotFound(w, r)
	}
}

// load is the counter of the load that a request is part of: each has a query of its own.
func (a *app) load(r *http.Request) *atomic.Int64 {
	found, ok := a.loads.Load(r.URL.RawQuery)
	if !ok {
		found, _ = a.loads.LoadOrStore(r.URL.RawQuery, new(atomic.Int64))
	}
	return found.(*atomic.Int64)
}

func (a *app) send(w http.ResponseWriter, body []byte) {
	a.head(w, len(body))
	_, _ = w.Write(body)
}

func (a *app) head(w http.ResponseWriter, size int) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(size))
}

// echo takes a WebSocket and sends back, byte for byte, what comes: frames stay masked,
// which only bench's own client puts up with, and no code for frames is needed.
func echo(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		http.Error(w, "a WebSocket is wanted", http.StatusUpgradeRequired)
		return
	}
	c, in, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	out := bufio.NewWriterSize(c, 256)
	fmt.Fprintf(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	if out.Flush() != nil {
		return
	}
	early := io.LimitReader(in, int64(in.Reader.Buffered()))
	_, _ = io.Copy(c, io.MultiReader(early, c))
}
