package main

import (
	"context"
	"fmt"
	"net/http"
)

// metrics answers with numbers for alerts, in Prometheus' text format (version
// 0.0.4): none with a name of a person, a session or a path in it.
func (s *server) metrics(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	for _, m := range []struct {
		name, help string
		value      int
	}{
		{"sidegate_store_up", "1 while the session store answers.", whether(s.storeError(ctx) == nil)},
		{"sidegate_feed_up", "1 while revocations by other replicas are heard.", whether(s.feedUp.Load())},
		{"sidegate_provider_up", "1 once the OpenID provider has answered.", whether(s.login.Ready() == nil)},
		{"sidegate_upstream_up", "1 while the app takes connections.", whether(s.upstream.Check(ctx) == nil)},
		{"sidegate_draining", "1 while the process is stopping.", whether(s.draining.Load())},
		{"sidegate_open", "Requests and WebSockets of signed-in people that are open.", s.live.Len()},
	} {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %[1]s gauge\n%[1]s %[3]d\n", m.name, m.help, m.value)
	}
	for n, p := range s.login.Further {
		const name = "sidegate_further_provider_up"
		if n == 0 {
			fmt.Fprintf(w, "# HELP %s 1 once that provider has answered.\n# TYPE %[1]s gauge\n", name)
		}
		fmt.Fprintf(w, "%s{provider=%q} %d\n", name, p.Client.Name, whether(p.Ready() == nil))
	}
}

func whether(b bool) int {
	if b {
		return 1
	}
	return 0
}
