package setup

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// isConsumer reports whether anybody can have an address in a domain.
func isConsumer(domain string) bool {
	return slices.Contains([]string{
		"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com",
		"icloud.com", "gmx.de", "gmx.net", "web.de", "proton.me",
	}, strings.ToLower(domain))
}

// people asks who may enter.
func (s *setup) people() error {
	if s.Given.Domains != "" || s.Given.Emails != "" {
		s.file.set(domains, list(s.Given.Domains))
		s.file.set(emails, list(s.Given.Emails))
		return s.judgePeople()
	}
	if s.Yes {
		if s.file.get(domains)+s.file.get(emails) == "" && s.problems()[domains] != "" {
			return errors.New("nobody may enter: give --domain your-company.com or --email you@gmail.com")
		}
		return s.judgePeople()
	}
	s.head("3  Who may enter?")
	s.say("  1  everybody of a Google Workspace domain\n  2  the addresses that you list\n  3  both")
	for {
		if err := s.askPeople(); err != nil {
			return err
		}
		err := s.judgePeople()
		if err == nil {
			return nil
		}
		s.say("  %v.", err)
	}
}

func (s *setup) askPeople() error {
	otherwise := 1
	switch hasDomains, hasEmails := s.file.get(domains) != "", s.file.get(emails) != ""; {
	case hasDomains && hasEmails:
		otherwise = 3
	case hasEmails:
		otherwise = 2
	}
	choice, err := s.number("Number", 3, otherwise)
	if err != nil {
		return err
	}
	for _, q := range []struct {
		name, question string
		wanted         bool
	}{
		{domains, "Domains, with commas between", choice != 2},
		{emails, "Addresses, with commas between", choice != 1},
	} {
		value := ""
		if q.wanted {
			if value, err = s.question(q.question, s.file.get(q.name)); err != nil {
				return err
			}
		}
		s.file.set(q.name, list(value))
	}
	return nil
}

// judgePeople refuses rules that let in the whole world, or nobody.
func (s *setup) judgePeople() error {
	for d := range strings.SplitSeq(s.file.get(domains), ",") {
		if isConsumer(d) {
			return fmt.Errorf("%s is no domain of yours: anybody can have an address there, and Google sends no domain (hd) for private accounts. List the addresses instead", d)
		}
	}
	problems := s.problems()
	for _, name := range []string{domains, emails} {
		if problem := problems[name]; problem != "" {
			return fmt.Errorf("%s %s", name, problem)
		}
	}
	return nil
}

// list brings what people type between addresses into the form of a setting.
func list(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",; \t", r) }), ",")
}
