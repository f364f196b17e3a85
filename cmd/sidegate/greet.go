package main

import (
	"fmt"
	"strings"

	"sidegate/config"
)

// greet says at the start what somebody has to know.
func (s *server) greet() {
	c := s.config
	s.log.Info("sidegate", "open", c.Public.String(), "redirect_uri", c.RedirectURI(),
		"app", c.Upstream.String(), "preset", c.Proxy.App, "may_enter", whoMayEnter(c.Access), "sessions", string(c.Session.Store.Kind))
	for _, warning := range c.Warnings() {
		s.log.Warn(warning)
	}
}

func whoMayEnter(a config.Access) string {
	if a.Anyone {
		return "every account of the provider"
	}
	var parts []string
	for _, d := range a.Domains {
		parts = append(parts, "@"+d)
	}
	if n := len(a.Emails); n > 0 {
		parts = append(parts, fmt.Sprintf("%d listed e-mail(s)", n))
	}
	if n := len(a.Groups); n > 0 {
		parts = append(parts, fmt.Sprintf("members of %d group(s)", n))
	}
	if a.EmailsFile != "" {
		parts = append(parts, "the e-mails in "+a.EmailsFile)
	}
	return strings.Join(parts, ", ")
}
