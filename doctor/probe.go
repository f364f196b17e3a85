package doctor

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
)

// Probes answer, on the public listener of a running sidegate, what doctor asks there
// over whatever stands in front. Nobody is answered who has not got a nonce on the
// private listener just before: to everybody else the address is one that is not there.
// The zero Probes has issued none.
type Probes struct {
	mu     sync.Mutex
	issued map[string]*probe
}

// probe is what may be asked with one nonce.
type probe struct {
	until time.Time
	left  int // requests
	seen  acks
}

const (
	probeLife   = time.Minute
	maxProbes   = 8  // that live at once
	probeUses   = 16 // of one
	probeUpload = 8 << 20
	// streamTime is how long a part of a stream waits for word that the one before has
	// arrived.
	streamTime = 2500 * time.Millisecond
)

// Issue returns a nonce that is good for a minute; ok is false when there are too many
// already.
func (p *Probes) Issue() (nonce string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, is := range p.issued {
		if time.Now().After(is.until) {
			delete(p.issued, n)
		}
	}
	if len(p.issued) >= maxProbes {
		return "", false
	}
	if p.issued == nil {
		p.issued = map[string]*probe{}
	}
	nonce = rand.Text()
	p.issued[nonce] = &probe{until: time.Now().Add(probeLife), left: probeUses, seen: newAcks()}
	return nonce, true
}

// use takes one of a nonce's uses.
func (p *Probes) use(nonce string) *probe {
	p.mu.Lock()
	defer p.mu.Unlock()
	is := p.issued[nonce]
	if is == nil || is.left == 0 || time.Now().After(is.until) {
		return nil
	}
	is.left--
	return is
}

// Arrived is what came of a request: what lies in front may have changed it.
type Arrived struct {
	Host      string   `json:"host"`
	Proto     string   `json:"proto"`
	Upgrade   []string `json:"upgrade"`
	Conn      []string `json:"connection"`
	Protocols []string `json:"protocols"`
	Origin    []string `json:"origin"`
	Peer      string   `json:"peer"`
	Forwarded []string `json:"forwarded_for"`
	Bytes     int64    `json:"bytes"` // of the body, as far as it was read
}

// Serve answers a request that has a good nonce, and reports whether it did.
func (p *Probes) Serve(w http.ResponseWriter, r *http.Request) bool {
	q := r.URL.Query()
	is := p.use(q.Get("n"))
	if is == nil {
		return false
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'")
	switch {
	case q.Has("seen"):
		is.seen.take()
		w.WriteHeader(http.StatusNoContent)
	case q.Has("stream"):
		inParts(w, r, is.seen)
	default:
		writeArrived(w, r)
	}
	return true
}

func writeArrived(w http.ResponseWriter, r *http.Request) {
	// A body that never ends must not hold the connection.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(checkTime))
	n, _ := io.Copy(io.Discard, io.LimitReader(r.Body, probeUpload))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(Arrived{
		Host: r.Host, Proto: r.Proto, Upgrade: r.Header["Upgrade"], Conn: r.Header["Connection"],
		Protocols: r.Header["Sec-Websocket-Protocol"], Origin: r.Header["Origin"],
		Peer: r.RemoteAddr, Forwarded: r.Header["X-Forwarded-For"], Bytes: n,
	})
}

// acks is word that a part of a stream has arrived.
type acks chan struct{}

func newAcks() acks { return make(acks, streamParts) }

func (a acks) take() {
	select {
	case a <- struct{}{}:
	default: // more than there are parts
	}
}

// A stream comes in parts. Each waits for word that the one before has arrived, and the
// last says whether all did: no clock has to tell how fast that was. There are two before
// it, as nginx passes on at once what comes with the head of an answer, and only that.
const (
	streamParts = 2
	onePart     = "data: part\n\n"
	promptEnd   = "data: prompt\n\n"
	lateEnd     = "data: late\n\n"
)

func inParts(w http.ResponseWriter, r *http.Request, seen acks) {
	w.Header().Set("Content-Type", "text/event-stream")
	for range streamParts {
		_, _ = io.WriteString(w, onePart)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-seen:
			continue
		case <-r.Context().Done():
		case <-time.After(streamTime):
		}
		_, _ = io.WriteString(w, lateEnd)
		return
	}
	_, _ = io.WriteString(w, promptEnd)
}
