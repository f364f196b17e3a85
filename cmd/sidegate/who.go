package main

import (
	"fmt"
	"strings"

	"sidegate/access"
	"sidegate/session"
	"sidegate/web"
)

// who names sessions in a revocation: all of an e-mail, all of the provider's
// subject, or one by its id. One of the fields is set.
type who struct{ email, subject, id string }

// parseWho reads "alice@example.com", "sub:SUBJECT" or "id:ID".
func parseWho(s string) (who, error) {
	if subject, ok := strings.CutPrefix(s, "sub:"); ok && subject != "" {
		return who{subject: subject}, nil
	}
	if id, ok := strings.CutPrefix(s, "id:"); ok && id != "" {
		return who{id: id}, nil
	}
	if email, ok := access.FoldEmail(s); ok {
		return who{email: email}, nil
	}
	return who{}, fmt.Errorf("%q is no e-mail address, no sub:SUBJECT and no id:ID", shorten(web.Printable(s)))
}

// matches reports whether a session is one of those named. issuer is the provider of
// the subject: another one's are other people.
func (w who) matches(i session.Info, issuer string) bool {
	switch {
	case w.id != "":
		return i.ID == w.id
	case w.subject != "":
		return i.Identity.Issuer == issuer && i.Identity.Subject == w.subject
	case w.email != "":
		email, ok := access.FoldEmail(i.Identity.Email)
		return ok && email == w.email
	}
	return false
}
