package proxy

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"sidegate/upstream"
	"sidegate/web"
)

// receive checks and cleans the app's answer.
func (f *Forwarder) receive(res *http.Response, r *http.Request, from *visitor) error {
	if res.StatusCode == http.StatusSwitchingProtocols {
		return errors.New("the app upgraded a request that asked for nothing") // SEC-UPG-04
	}
	f.upstream.waiting.answers()
	cleanAnswer(res.Header)
	cleanAnswer(res.Trailer) // the names announced
	if from != nil && len(res.Header["Cache-Control"]) == 0 {
		// What somebody signed in sees is not for a shared cache (RFC 9111 3).
		res.Header["Cache-Control"] = []string{"private"}
	}
	web.RecordOf(r.Context()).Status = res.StatusCode
	return nil
}

// pass passes an answer on. Half an answer must not look like a whole one: where it
// breaks off, so does the browser's connection.
func (f *Forwarder) pass(w http.ResponseWriter, res *http.Response) {
	add(w.Header(), res.Header)
	announced := slices.Collect(maps.Keys(res.Trailer))
	if len(announced) > 0 {
		w.Header().Add("Trailer", strings.Join(announced, ", "))
	}
	w.WriteHeader(res.StatusCode)
	if err := f.passBody(w, res.Body); err != nil {
		res.Body.Close()
		panic(http.ErrAbortHandler)
	}
	res.Body.Close() // http.Transport fills in the trailers
	if len(res.Trailer) == 0 {
		return
	}
	cleanAnswer(res.Trailer)
	// Or net/http would give a short body a length, and leave out what is behind it.
	http.NewResponseController(w).Flush()
	for name, values := range res.Trailer {
		if !slices.Contains(announced, name) {
			name = http.TrailerPrefix + name
		}
		w.Header()[name] = values
	}
}

// passBody passes a body on, each part as it comes: server-sent events must not wait.
func (f *Forwarder) passBody(w http.ResponseWriter, body io.Reader) error {
	if own, ok := body.(*upstream.Body); ok {
		return own.Pass(w)
	}
	flush := http.NewResponseController(w).Flush
	if err := flush(); err != nil {
		return err
	}
	buf := f.buffers.Get()
	defer f.buffers.Put(buf)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if err := flush(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// passInterim passes on what the app says ahead of its answer (RFC 9110 15.2), cleaned
// like that. net/http sends the header as it is then, and keeps it for the answer.
func passInterim(w http.ResponseWriter, status int, h http.Header) {
	removeHopByHop(h)
	cleanAnswer(h)
	add(w.Header(), h)
	w.WriteHeader(status)
	for name := range h {
		w.Header().Del(name)
	}
}

// add puts the fields of one header into another.
func add(to, from http.Header) {
	for name, values := range from {
		if before, ok := to[name]; ok {
			values = append(slices.Clip(before), values...)
		}
		to[name] = values
	}
}

// cleanAnswer keeps the app from setting or clearing our cookies.
func cleanAnswer(h http.Header) {
	if lines, ok := h["Set-Cookie"]; ok {
		var kept []string
		for _, line := range lines {
			if !ourCookie(line) {
				kept = append(kept, line)
			}
		}
		if len(kept) > 0 {
			h["Set-Cookie"] = kept
		} else {
			delete(h, "Set-Cookie")
		}
	}
	if lines, ok := h["Clear-Site-Data"]; ok {
		h["Clear-Site-Data"] = []string{withoutCookies(strings.Join(lines, ","))}
		if h.Get("Clear-Site-Data") == "" {
			h.Del("Clear-Site-Data")
		}
	}
}

// withoutCookies takes "cookies" out of a Clear-Site-Data list, since it would take
// ours along; "*" stands for everything, "cookies" included.
func withoutCookies(list string) string {
	var kept []string
	for item := range strings.SplitSeq(list, ",") {
		switch item = strings.Trim(item, " \t"); strings.ToLower(item) {
		case `"cookies"`:
		case `"*"`:
			kept = append(kept, `"cache"`, `"storage"`, `"executionContexts"`, `"clientHints"`)
		default:
			kept = append(kept, item)
		}
	}
	return strings.Join(kept, ", ")
}
