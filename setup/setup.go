// Package setup is the conversation that leads from nothing to a first sign-in with
// Google: which page of the console to open and what to paste there, where the client's
// file is, who may enter. It writes an env file that the other commands read.
//
// Nothing is written before the last question is answered, and each file is replaced
// whole: who stops in between has what was there before. It may be run again at any time;
// present answers are the defaults, and lines that it does not know stay as they are.
package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode"
)

// Options are what a conversation works with.
type Options struct {
	In      io.Reader
	Out     io.Writer
	Yes     bool     // ask nothing: the flags and what is there have to do
	EnvFile string   // path of the file to write
	Program string   // how sidegate is called in a shell
	Look    []string // folders in which a downloaded client file may lie
	Given   Answers  // by flags: what they hold is not asked

	// Judge says what is wrong with the text of an env file, by the names of settings; it
	// is package config's word.
	Judge func(text string) map[string]string
	// Redirect returns the redirect URI that follows from a good public URL.
	Redirect func(publicURL string) string
	// Doctor checks what was written and says what it finds; nil: somebody else will.
	Doctor func(ctx context.Context) int
}

// Answers are what somebody says. Empty ones are not given.
type Answers struct {
	PublicURL  string
	ClientJSON string
	Domains    string // comma list
	Emails     string // comma list
	Store      string
}

// ErrStopped is the error of a conversation that was left before its end; nothing was
// written.
var ErrStopped = errors.New("stopped; nothing was written")

// Names of the settings that a conversation is about.
const (
	publicURL    = "SIDEGATE_PUBLIC_URL"
	clientJSON   = "SIDEGATE_CLIENT_JSON"
	domains      = "SIDEGATE_ALLOWED_DOMAINS"
	emails       = "SIDEGATE_ALLOWED_EMAILS"
	sessionStore = "SIDEGATE_SESSION_STORE"
	secretFile   = "SIDEGATE_SECRET_FILE"
)

// Run holds the conversation.
func Run(ctx context.Context, o Options) error {
	path, err := filepath.Abs(o.EnvFile)
	if err == nil {
		err = oneLine(path, o.Given.PublicURL, o.Given.ClientJSON, o.Given.Domains, o.Given.Emails, o.Given.Store)
	}
	if err != nil {
		return err
	}
	file, err := openEnvFile(path)
	if err != nil {
		return err
	}
	s := &setup{Options: o, talk: newTalk(ctx, o.In, o.Out), file: file, dir: filepath.Dir(path)}
	for _, step := range []func() error{s.address, s.client, s.people, s.sessions} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := s.write(ctx); err != nil {
		return err
	}
	s.ignore()
	return s.finish(ctx)
}

// oneLine refuses what would be more than one line of the env file, and so set what
// nobody meant to: a script may pass on what it was given by others.
func oneLine(given ...string) error {
	for _, g := range given {
		if strings.ContainsFunc(g, unicode.IsControl) {
			return fmt.Errorf("%q holds a control character, such as a line break", g)
		}
	}
	return nil
}

// setup is a conversation under way.
type setup struct {
	Options
	*talk
	file  *envFile
	dir   string // of the env file
	files []newFile
}

// setting sets what was given, or else what is answered; the present value is the
// default. It asks again until there is nothing to say against it.
func (s *setup) setting(name, given, question, otherwise string) error {
	present := s.file.get(name)
	if present == "" {
		present = otherwise
	}
	for {
		value := given
		if value == "" && s.Yes {
			value = present
		}
		if value == "" && !s.Yes {
			var err error
			if value, err = s.question(question, present); err != nil {
				return err
			}
		}
		s.file.set(name, value)
		problem := s.problems()[name]
		if problem == "" {
			return nil
		}
		if given != "" || s.Yes {
			return fmt.Errorf("%s=%s %s", name, value, problem)
		}
		s.say("  %s %s.", value, problem)
	}
}

// address asks where browsers will find the site.
func (s *setup) address() error {
	if s.Given.PublicURL == "" && !s.Yes {
		s.head("1  Where will people open the site?")
		s.say("  On this machine alone: http://localhost:8080. For others: https and a real name.")
	}
	return s.setting(publicURL, s.Given.PublicURL, "Address", "http://localhost:8080")
}

func (s *setup) redirectURI() string { return s.Redirect(s.file.get(publicURL)) }

// problems are those of the file as it would be now, less the files that it names and
// that are only written at the end.
func (s *setup) problems() map[string]string {
	all := s.Judge(string(s.file.text()))
	for _, f := range s.files {
		for _, name := range []string{clientJSON, secretFile} {
			if s.file.get(name) == f.path {
				delete(all, name)
			}
		}
	}
	return all
}

// sessions asks whether sessions survive a restart.
func (s *setup) sessions() error {
	if s.Given.Store != "" {
		return s.store(s.Given.Store)
	}
	if s.file.get(sessionStore) != "" {
		return nil // an answer that is there already
	}
	kept := "file:" + filepath.Join(s.dir, "sidegate-sessions.db")
	if !s.Yes {
		s.head("4  Shall people stay signed in when sidegate restarts?")
		yes, err := s.confirm("Keep sessions in "+strings.TrimPrefix(kept, "file:"), true)
		if err != nil {
			return err
		}
		if !yes {
			kept = "memory:"
		}
	}
	return s.store(kept)
}

// store takes a session store. One that replicas share needs a secret that they share.
func (s *setup) store(store string) error {
	s.file.set(sessionStore, store)
	shared := strings.HasPrefix(store, "redis")
	if shared && s.file.get(secretFile) == "" && s.file.get("SIDEGATE_SECRET") == "" {
		path := filepath.Join(s.dir, "sidegate.secret")
		s.files = append(s.files, newFile{path, []byte(newSecret() + "\n"), "seals the sessions"})
		s.file.set(secretFile, path)
	}
	if problem := s.problems()[sessionStore]; problem != "" {
		return fmt.Errorf("%s %s", sessionStore, problem) // never its value: it may hold a password
	}
	return nil
}

// write writes all files, the env file last: with it the new settings are in force.
func (s *setup) write(ctx context.Context) error {
	for name, problem := range s.problems() {
		return fmt.Errorf("%s %s. Nothing was written to %s", name, problem, s.file.path)
	}
	if ctx.Err() != nil {
		return ErrStopped
	}
	s.head("Written, readable to you alone:")
	for _, f := range append(s.files, newFile{s.file.path, s.file.text(), "the settings"}) {
		if err := f.write(); err != nil {
			return err
		}
		s.say("  %s (%s)", f.path, f.what)
	}
	return nil
}

// finish has everything checked and says what comes next.
func (s *setup) finish(ctx context.Context) error {
	if s.Doctor != nil {
		s.head("Checking")
		if code := s.Doctor(ctx); code != 0 {
			s.say("\nWhen that is mended: %s run -- streamlit run app.py", s.Program)
			return nil
		}
	}
	s.say("\nNext, in this folder: %s run -- streamlit run app.py", s.Program)
	if s.Doctor == nil {
		s.say("Does something not work? %s doctor", s.Program)
	}
	return nil
}
