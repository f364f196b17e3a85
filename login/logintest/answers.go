package logintest

import (
	"io"
	"net/http"
	"time"
)

// The handlers here are for Provider.Replace: providers in trouble, and hostile ones.

// Answer answers with these very words.
func Answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// Redirect answers with a redirect that keeps method and body.
func Redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
	}
}

// Huge answers with size bytes of a JSON object, and counts in sent, which may
// be nil, how many of them the client took.
func Huge(size int, sent func(n int)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		n, _ := io.WriteString(w, `{"x":"`)
		block := make([]byte, 32<<10)
		for i := range block {
			block[i] = 'a'
		}
		for n < size {
			m, err := w.Write(block)
			if n += m; err != nil {
				break
			}
		}
		if sent != nil {
			sent(n)
		}
	}
}

// Hang takes the request and never answers, until the client or the provider
// goes away.
func (p *Provider) Hang(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // only then does net/http notice that the client left
	select {
	case <-r.Context().Done():
	case <-p.ended():
	}
}

// Drip answers one byte at a time, with a pause before each, for ever.
func (p *Provider) Drip(pause time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.Copy(io.Discard, r.Body)
		flusher := http.NewResponseController(w)
		for {
			select {
			case <-r.Context().Done():
				return
			case <-p.ended():
				return
			case <-time.After(pause):
			}
			io.WriteString(w, " ")
			flusher.Flush()
		}
	}
}

func (p *Provider) ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == nil {
		gone := make(chan struct{})
		close(gone)
		return gone
	}
	return p.running.ended
}
