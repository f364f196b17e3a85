package main

import (
	"net/http"

	"sidegate/web"
)

// probePath is where doctor, on the private listener, gets leave to ask on the public one.
const probePath = "/probe"

// leave is the answer.
type leave struct {
	Nonce string `json:"nonce"`
}

// issueProbe answers POST /probe on the private listener.
func (s *server) issueProbe(w http.ResponseWriter, _ *http.Request) error {
	nonce, ok := s.probes.Issue()
	if !ok {
		return &web.Error{Status: http.StatusTooManyRequests, Code: "too_many", Public: "Others are asking already. Try again in a minute."}
	}
	answer(w, http.StatusOK, leave{nonce})
	return nil
}

// probe answers what doctor asks over the way in. To everybody else the address is one
// that is not ours, down to the last byte: nobody is to learn that there is such a thing.
func (s *server) probe(otherwise web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !s.probes.Serve(w, r) {
			return otherwise(w, r)
		}
		rec := web.RecordOf(r.Context())
		rec.Decision, rec.Status = "probe", http.StatusOK
		return nil
	}
}
