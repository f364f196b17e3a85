package setup

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// The pages of the console, under the names that they have there.
const (
	overviewPage = "https://console.cloud.google.com/auth/overview"
	audiencePage = "https://console.cloud.google.com/auth/audience"
	clientsPage  = "https://console.cloud.google.com/auth/clients"
)

// clientName is the copy of the client's file: a name that the usual ignore patterns for
// Google's downloads match.
const clientName = "client_secret_sidegate.json"

// client leads to an OAuth client and its file.
func (s *setup) client() error {
	if s.Given.ClientJSON != "" || s.Yes {
		return s.givenClient()
	}
	s.head("2  A client at Google")
	s.say(`  Google Auth Platform, in the project of your choice:
  - %s
    "Get started", if it asks: a name for the app, and your address.
  - Audience, %s
    Internal, if everybody is of your Workspace. Else External: while it is in testing
    only test users listed there can sign in, and access to Google's APIs ends after 7
    days; "Publish app" ends both.
  - Clients, %s
    "Create client", application type "Web application". Under "Authorized redirect URIs"
    paste exactly this line (no JavaScript origin is needed):

      %s

    Then download the JSON: Google shows the secret only now.
`, overviewPage, audiencePage, clientsPage, s.redirectURI())
	for {
		path, err := s.chooseClient()
		if err != nil {
			return err
		}
		done, err := s.takeClient(path)
		if err != nil || done {
			return err
		}
	}
}

// givenClient takes the file of the flag, the one that is set already, or the only one
// there is.
func (s *setup) givenClient() error {
	path := s.Given.ClientJSON
	if path == "" {
		path = s.file.get(clientJSON)
	}
	if found := findClients(s.Look); path == "" && len(found) == 1 {
		path = found[0]
	} else if path == "" {
		return fmt.Errorf("%d client files were found in %s: give --client-json FILE, the JSON that %s lets you download", len(found), strings.Join(s.Look, ", "), clientsPage)
	}
	c, err := readClient(path)
	if err != nil {
		return err
	}
	if !c.has(s.redirectURI()) {
		return fmt.Errorf("%s has no redirect URI %s: add this line to the client at %s, and download the file again", path, s.redirectURI(), clientsPage)
	}
	s.keepClient(path, c)
	return nil
}

// chooseClient asks which file it is, until there is one.
func (s *setup) chooseClient() (string, error) {
	for {
		found := findClients(s.Look)
		if present := s.file.get(clientJSON); present != "" {
			found = slices.Insert(slices.DeleteFunc(found, func(f string) bool { return f == present }), 0, present)
		}
		for i, path := range found {
			s.say("  %d  %s", i+1, path)
		}
		question, otherwise := "Number, or the path of another file", "1"
		if len(found) == 0 {
			question, otherwise = "Enter when it is downloaded, or its path", ""
		}
		line, err := s.question(question, otherwise)
		if err != nil {
			return "", err
		}
		for i, path := range found {
			if line == fmt.Sprint(i+1) {
				return path, nil
			}
		}
		if line != "" {
			return homePath(line), nil
		}
		if len(findClients(s.Look)) == 0 {
			s.say("  No client_secret_….json in %s.", strings.Join(s.Look, ", "))
		}
	}
}

// takeClient looks at a file; not done: another one is needed.
func (s *setup) takeClient(path string) (done bool, _ error) {
	c, err := readClient(path)
	if err != nil {
		s.say("  %v.", err)
		return false, nil
	}
	if !c.has(s.redirectURI()) {
		s.say("  The client has no such redirect URI yet. Add this line, letter for letter, at\n  %s\n\n      %s\n", clientsPage, s.redirectURI())
		added, err := s.confirm("Is it added and saved", true)
		if err != nil || !added {
			return false, err
		}
		c.add(s.redirectURI())
	}
	s.keepClient(path, c)
	return true, nil
}

// keepClient has a copy written beside the env file: a download folder is no place for a
// secret, and gets tidied up.
func (s *setup) keepClient(from string, c *client) {
	path := filepath.Join(s.dir, clientName)
	s.files = append(s.files, newFile{path, c.json(), "the client"})
	s.file.set(clientJSON, path)
	// One that was set on its own would contradict the file.
	s.file.set("SIDEGATE_CLIENT_ID", "")
	s.file.set("SIDEGATE_CLIENT_SECRET", "")
	s.file.set("SIDEGATE_CLIENT_SECRET_FILE", "")
	if from != path {
		s.say("  Taken: %s. A copy goes to %s; the original can be deleted.", from, path)
	}
}

// client is Google's file. What else it holds stays in it.
type client struct{ doc map[string]map[string]any }

// readClient reads a file and says what is wrong with it, without a word of its content.
func readClient(path string) (*client, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := new(client)
	err = json.Unmarshal(content, &c.doc)
	id, _ := c.doc["web"]["client_id"].(string)
	secret, _ := c.doc["web"]["client_secret"].(string)
	switch {
	case err == nil && c.doc["installed"] != nil:
		return nil, fmt.Errorf("%s is of a client of the type Desktop app: create one of the type Web application", path)
	case err != nil || id == "" || secret == "":
		return nil, errors.New(path + " is not the JSON of an OAuth client of the type Web application")
	}
	return c, nil
}

func (c *client) redirects() []any {
	all, _ := c.doc["web"]["redirect_uris"].([]any)
	return all
}

func (c *client) has(uri string) bool { return slices.Contains(c.redirects(), any(uri)) }

func (c *client) add(uri string) { c.doc["web"]["redirect_uris"] = append(c.redirects(), uri) }

func (c *client) json() []byte {
	text, err := json.MarshalIndent(c.doc, "", "  ")
	if err != nil {
		panic(err) // it came from JSON
	}
	return append(text, '\n')
}

// findClients returns the files that Google lets one download, the newest first. Web pages
// choose names of downloads: one that could steer the terminal is left out.
func findClients(folders []string) []string {
	var found []string
	age := make(map[string]int64)
	for _, folder := range folders {
		matches, _ := filepath.Glob(filepath.Join(folder, "client_secret*.json"))
		for _, path := range slices.DeleteFunc(matches, unprintable) {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && age[path] == 0 {
				found, age[path] = append(found, path), info.ModTime().UnixNano()
			}
		}
	}
	slices.SortStableFunc(found, func(a, b string) int { return int(min(1, max(-1, age[b]-age[a]))) })
	return found
}

func unprintable(path string) bool {
	return strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) })
}

// homePath reads ~/ as a shell would.
func homePath(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}
