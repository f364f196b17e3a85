package setup_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sidegate/setup"
	"sidegate/test/need"
)

const redirect = "http://localhost:8080/_gate/callback"

// scene is a working folder, a download folder, and what somebody types.
type scene struct {
	t               *testing.T
	work, downloads string
	given           setup.Answers
	yes             bool
	doctor          func(context.Context) int
}

func newScene(t *testing.T) *scene {
	t.Helper()
	return &scene{t: t, work: t.TempDir(), downloads: t.TempDir()}
}

func (s *scene) env() string { return filepath.Join(s.work, "sidegate.env") }

// file puts a file into a folder.
func (s *scene) file(folder, name, content string) string {
	s.t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func webClient(uris ...string) string {
	return `{"web":{"client_id":"id","project_id":"p","client_secret":"canary","redirect_uris":["` + strings.Join(uris, `","`) + `"]}}`
}

// says holds the conversation with these lines.
func (s *scene) says(lines ...string) (out string, err error) {
	s.t.Helper()
	return s.hears(s.t.Context(), strings.NewReader(strings.Join(lines, "\n")+"\n"))
}

func (s *scene) hears(ctx context.Context, in io.Reader) (string, error) {
	s.t.Helper()
	var out bytes.Buffer
	err := setup.Run(ctx, setup.Options{
		In: in, Out: &out, Yes: s.yes, EnvFile: s.env(), Program: "sidegate", Look: []string{s.work, s.downloads}, Given: s.given,
		Judge: judge, Redirect: func(u string) string { return u + "/_gate/callback" }, Doctor: s.doctor,
	})
	if strings.Contains(out.String(), "canary") || err != nil && strings.Contains(err.Error(), "canary") {
		s.t.Errorf("a secret is on the screen:\n%s\n%v", out.String(), err)
	}
	return out.String(), err
}

// judge stands for package config: the whole one is tried in cmd.
func judge(text string) map[string]string {
	problems := map[string]string{}
	if strings.Contains(text, "PUBLIC_URL=http://192.168.1.5") {
		problems["SIDEGATE_PUBLIC_URL"] = "has to be https"
	}
	if !strings.Contains(text, "ALLOWED_") {
		problems["SIDEGATE_ALLOWED_DOMAINS"] = "is not set: nobody may enter"
	}
	return problems
}

// written returns a file of the working folder, which has to be its owner's alone.
func (s *scene) written(name string) string {
	s.t.Helper()
	path := filepath.Join(s.work, name)
	info, err := os.Stat(path)
	if err != nil {
		s.t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		s.t.Errorf("%s has mode %o", name, info.Mode().Perm())
	}
	content, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(content)
}

// untouched fails the test if there is anything in the working folder but names.
func (s *scene) untouched(names ...string) {
	s.t.Helper()
	found, err := os.ReadDir(s.work)
	if err != nil {
		s.t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, f.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		s.t.Errorf("the folder holds %v, want %v", got, names)
	}
}

func TestAConversationLeadsToAnEnvFile(t *testing.T) {
	s := newScene(t)
	s.file(s.downloads, "client_secret_1234.json", webClient(redirect))
	out, err := s.says("", "1", "1", "corp.example", "y")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"https://console.cloud.google.com/auth/overview", "https://console.cloud.google.com/auth/audience", "https://console.cloud.google.com/auth/clients",
		"      " + redirect + "\n", "no JavaScript origin is needed", "Web application", "7\n    days", "test users",
		"sidegate run -- streamlit run app.py", "sidegate doctor",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no word of %q in\n%s", want, out)
		}
	}
	env := s.written("sidegate.env")
	for _, want := range []string{
		"SIDEGATE_PUBLIC_URL=http://localhost:8080\n", "SIDEGATE_CLIENT_JSON=" + s.work + "/client_secret_sidegate.json\n",
		"SIDEGATE_ALLOWED_DOMAINS=corp.example\n", "SIDEGATE_SESSION_STORE=file:" + s.work + "/sidegate-sessions.db\n",
	} {
		if !strings.Contains(env, want) {
			t.Errorf("no %q in\n%s", want, env)
		}
	}
	if got := s.written("client_secret_sidegate.json"); !strings.Contains(got, "canary") || !strings.Contains(got, `"project_id"`) {
		t.Errorf("the client's copy: %s", got)
	}
	s.untouched("client_secret_sidegate.json", "sidegate.env")
}

// The second time its answers are the defaults, and what it does not know stays.
func TestSetupMayBeRunAgain(t *testing.T) {
	s := newScene(t)
	client := s.file(s.downloads, "client_secret_1234.json", webClient(redirect, "https://app.example.org/_gate/callback"))
	s.file(s.work, "sidegate.env", "# mine\nSIDEGATE_APP=streamlit\n\nSIDEGATE_ALLOWED_EMAILS=ann@corp.example\nSIDEGATE_PUBLIC_URL=https://app.example.org\nSIDEGATE_CLIENT_ID=old\nSIDEGATE_CLIENT_JSON="+client+"\nSIDEGATE_SESSION_STORE=memory:\n# last")
	out, err := s.says("", "", "", "") // address, client, who, which addresses
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := "# mine\nSIDEGATE_APP=streamlit\n\nSIDEGATE_ALLOWED_EMAILS=ann@corp.example\nSIDEGATE_PUBLIC_URL=https://app.example.org\nSIDEGATE_CLIENT_JSON=" +
		s.work + "/client_secret_sidegate.json\nSIDEGATE_SESSION_STORE=memory:\n# last\n"
	if got := s.written("sidegate.env"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, want := range []string{"Address [https://app.example.org]", "[ann@corp.example]", "Number [2]"} {
		if !strings.Contains(out, want) {
			t.Errorf("no default %q in\n%s", want, out)
		}
	}
	again, err := s.says("", "", "", "")
	if err != nil || s.written("sidegate.env") != want {
		t.Errorf("the third time: %v\n%s", err, again)
	}
}

func TestTheNewestDownloadComesFirst(t *testing.T) {
	s := newScene(t)
	old := s.file(s.downloads, "client_secret_a.json", webClient(redirect))
	s.file(s.work, "client_secret_b.json", webClient(redirect))
	if err := os.Chtimes(old, time.Now(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	out, err := s.says("", "1", "2", "ann@gmail.com bob@gmail.com", "n")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if first, second := strings.Index(out, "1  "+s.work+"/client_secret_b.json"), strings.Index(out, "2  "+old); first < 0 || second < first {
		t.Errorf("order in\n%s", out)
	}
	if env := s.written("sidegate.env"); !strings.Contains(env, "ALLOWED_EMAILS=ann@gmail.com,bob@gmail.com\n") || !strings.Contains(env, "STORE=memory:\n") {
		t.Errorf("got\n%s", env)
	}
}

// It waits for the download, and says what is wrong with what comes.
func TestAClientFileThatWillNotDoIsExplained(t *testing.T) {
	s := newScene(t)
	desktop := s.file(s.downloads, "desktop.json", strings.Replace(webClient(redirect), "web", "installed", 1))
	broken := s.file(s.downloads, "broken.json", `{"web":{"client_secret":"canary`)
	account := s.file(s.downloads, "account.json", `{"type":"service_account","private_key":"canary"}`)
	good := s.file(s.downloads, "good.json", webClient(redirect))
	out, err := s.says("", "", desktop, broken, account, s.downloads+"/none.json", good, "1", "corp.example", "y")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"No client_secret_….json in " + s.work, "type Desktop app: create one of the type Web application", broken + " is not the JSON", account + " is not the JSON", "none.json: no such file"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// Who has added the line need not download again: the copy gets it too.
func TestAMissingRedirectURIIsNamedAndCanBeAdded(t *testing.T) {
	s := newScene(t)
	s.file(s.downloads, "client_secret_1.json", webClient("http://localhost:8080/callback"))
	out, err := s.says("", "1", "n", "1", "y", "1", "corp.example", "y")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := strings.Count(out, "no such redirect URI yet"); n != 2 {
		t.Errorf("said %d times:\n%s", n, out)
	}
	if got := s.written("client_secret_sidegate.json"); !strings.Contains(got, `"`+redirect+`"`) || !strings.Contains(got, `"http://localhost:8080/callback"`) {
		t.Errorf("got %s", got)
	}
}

// Anybody has a gmail.com address, and no hd claim.
func TestAConsumerDomainIsRefusedWithTheReason(t *testing.T) {
	s := newScene(t)
	s.file(s.downloads, "client_secret_1.json", webClient(redirect))
	out, err := s.says("", "1", "1", "corp.example,Gmail.com", "1", "", "3", "corp.example", "ann@gmail.com", "y")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"Gmail.com is no domain of yours", "List the addresses"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if env := s.written("sidegate.env"); strings.Contains(strings.ToLower(env), "domains=gmail") || !strings.Contains(env, "DOMAINS=corp.example\n") || !strings.Contains(env, "EMAILS=ann@gmail.com\n") {
		t.Errorf("got\n%s", env)
	}
}

func TestAWrongAddressIsAskedForAgain(t *testing.T) {
	s := newScene(t)
	s.file(s.downloads, "client_secret_1.json", webClient(redirect))
	out, err := s.says("http://192.168.1.5:8501", "http://localhost:8080", "1", "1", "corp.example", "y")
	if err != nil || !strings.Contains(out, "http://192.168.1.5:8501 has to be https") {
		t.Errorf("%v\n%s", err, out)
	}
}

// Whoever leaves has what was there before, at every question.
func TestLeavingWritesNothing(t *testing.T) {
	answers := []string{"", "1", "3", "corp.example", "ann@gmail.com"}
	for n := range len(answers) + 1 {
		s := newScene(t)
		s.file(s.downloads, "client_secret_1.json", webClient(redirect))
		s.file(s.work, "sidegate.env", "# as it was\n")
		in, typed := io.Pipe() // stays open: it is the context that ends, as with Ctrl-C
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			for _, line := range answers[:n] {
				io.WriteString(typed, line+"\n")
			}
			stop()
		}()
		if _, err := s.hears(ctx, in); !errors.Is(err, setup.ErrStopped) {
			t.Errorf("after %d answers: %v", n, err)
		}
		typed.Close()
		s.untouched("sidegate.env")
		if content, _ := os.ReadFile(s.env()); string(content) != "# as it was\n" {
			t.Errorf("after %d answers: the file is\n%s", n, content)
		}
		// The end of the input is no answer either.
		if _, err := s.says(answers[:n]...); !errors.Is(err, setup.ErrStopped) {
			t.Errorf("input ended after %d answers: %v", n, err)
		}
		s.untouched("sidegate.env")
	}
}

func TestScriptsGiveTheAnswersAsFlags(t *testing.T) {
	s := newScene(t)
	s.yes = true
	if _, err := s.says(); err == nil || !strings.Contains(err.Error(), "--client-json") {
		t.Errorf("without a client: %v", err)
	}
	client := s.file(s.downloads, "client_secret_1.json", webClient("https://app.example.org/_gate/callback"))
	s.given = setup.Answers{ClientJSON: client}
	if _, err := s.says(); err == nil || !strings.Contains(err.Error(), redirect) {
		t.Errorf("without the redirect URI: %v", err)
	}
	s.given.PublicURL = "https://app.example.org"
	if _, err := s.says(); err == nil || !strings.Contains(err.Error(), "--domain") {
		t.Errorf("without people: %v", err)
	}
	s.given.Domains = "gmail.com"
	if _, err := s.says(); err == nil || !strings.Contains(err.Error(), "anybody can have an address there") {
		t.Errorf("with everybody: %v", err)
	}
	s.untouched()
	s.given.Domains, s.given.Emails, s.given.Store = "corp.example", "ann@gmail.com", "redis://127.0.0.1:6379"
	out, err := s.says()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	env := s.written("sidegate.env")
	for _, want := range []string{"PUBLIC_URL=https://app.example.org\n", "STORE=redis://127.0.0.1:6379\n", "SECRET_FILE=" + s.work + "/sidegate.secret\n", "EMAILS=ann@gmail.com\n"} {
		if !strings.Contains(env, want) {
			t.Errorf("no %q in\n%s", want, env)
		}
	}
	secret := s.written("sidegate.secret")
	if len(secret) < 44 {
		t.Errorf("a secret of %d bytes", len(secret))
	}
	s.given = setup.Answers{}
	if out, err := s.says(); err != nil || s.written("sidegate.env") != env || s.written("sidegate.secret") != secret {
		t.Errorf("again, with no flag: %v\n%s", err, out)
	}
}

// A line break in an answer would set what nobody meant to (SEC-CFG-02).
func TestAnAnswerIsOneLine(t *testing.T) {
	const more = "\nSIDEGATE_ALLOW_ANYONE=true"
	good := setup.Answers{PublicURL: "http://localhost:8080", Domains: "corp.example", Store: "memory:"}
	for name, spoil := range map[string]func(*scene){
		"address": func(s *scene) { s.given.PublicURL += more },
		"client":  func(s *scene) { s.given.ClientJSON += more },
		"domain":  func(s *scene) { s.given.Domains += more },
		"e-mail":  func(s *scene) { s.given.Emails = "ann@gmail.com" + more },
		"store":   func(s *scene) { s.given.Store += more },
		"folder": func(s *scene) {
			s.work = filepath.Join(s.work, "x"+more)
			if err := os.Mkdir(s.work, 0o700); err != nil {
				t.Fatal(err)
			}
		},
	} {
		s := newScene(t)
		s.yes, s.given = true, good
		s.given.ClientJSON = s.file(s.downloads, "client_secret_1.json", webClient(redirect))
		spoil(s)
		if out, err := s.says(); err == nil || !strings.Contains(err.Error(), "control character") || strings.Contains(out+err.Error(), more) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		s.untouched()
	}
}

// Whatever the umask: to others nothing, to us enough.
func TestFilesAreReadableToTheirOwnerUnderAnyUmask(t *testing.T) {
	for _, mask := range []int{0, 0o777, 0o400} {
		s := newScene(t)
		s.yes = true
		s.given = setup.Answers{Domains: "corp.example", Store: "redis://127.0.0.1:6379", ClientJSON: s.file(s.downloads, "client_secret_1.json", webClient(redirect))}
		before := syscall.Umask(mask)
		_, err := s.says()
		syscall.Umask(before)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"sidegate.env", "client_secret_sidegate.json", "sidegate.secret"} {
			if info, err := os.Stat(filepath.Join(s.work, name)); err != nil || info.Mode() != 0o600 {
				t.Errorf("umask %04o: %s: %v, %v", mask, name, info.Mode(), err)
			}
		}
	}
}

func TestNamesOfDownloadsDoNotSteerTheTerminal(t *testing.T) {
	s := newScene(t)
	s.file(s.downloads, "client_secret_\x1b]0;owned\a.json", webClient(redirect))
	s.file(s.downloads, "client_secret_\u202enosj.json", webClient(redirect))
	s.file(s.downloads, "client_secret_2.json", webClient(redirect))
	out, _ := s.says("", "1", "1", "corp.example", "n")
	if strings.ContainsAny(out, "\x1b\u202e") || !strings.Contains(out, "client_secret_2.json") {
		t.Errorf("%q", out)
	}
}

func TestTheDoctorHasTheLastWord(t *testing.T) {
	for code, want := range map[int]string{0: "Next, in this folder", 1: "When that is mended"} {
		s := newScene(t)
		s.file(s.downloads, "client_secret_1.json", webClient(redirect))
		s.doctor = func(context.Context) int {
			s.written("sidegate.env") // it has what it is to look at
			return code
		}
		if out, err := s.says("", "1", "1", "corp.example", "y"); err != nil || !strings.Contains(out, want) {
			t.Errorf("%d: %v\n%s", code, err, out)
		}
	}
}

// A secret that git takes is soon somebody else's.
func TestWhatGitWouldTakeIsSaidAndIgnored(t *testing.T) {
	git := need.Program(t, "git", "git")
	const before = "*.pyc\nclient_secret*.json"
	for answer, want := range map[string]string{"y": before + "\n/sidegate.env\n/sidegate-sessions.db\n/sidegate-sessions.db.key\n", "n": before} {
		s := newScene(t)
		s.file(s.downloads, "client_secret_1.json", webClient(redirect))
		if out, err := exec.Command(git, "-C", s.work, "init", "-q").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		s.file(s.work, ".gitignore", before)
		out, err := s.says("", "1", "1", "corp.example", "y", answer)
		if err != nil || !strings.Contains(out, "git does not ignore sidegate.env, sidegate-sessions.db") {
			t.Errorf("%v\n%s", err, out)
		}
		if got, _ := os.ReadFile(filepath.Join(s.work, ".gitignore")); string(got) != want {
			t.Errorf("%s: .gitignore is %q", answer, got)
		}
	}
}

// A checkout that came with settings of its own names programs for git to start.
func TestGitStartsNoProgramOfTheCheckouts(t *testing.T) {
	git := need.Program(t, "git", "git")
	s := newScene(t)
	s.file(s.downloads, "client_secret_1.json", webClient(redirect))
	started := filepath.Join(t.TempDir(), "started")
	hook := s.file(t.TempDir(), "hook", "#!/bin/sh\ntouch "+started+"\n")
	if err := os.Chmod(hook, 0o700); err != nil {
		t.Fatal(err)
	}
	s.file(s.work, "app.py", "") // with an empty index git asks nobody
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"config", "core.fsmonitor", hook}} {
		if out, err := exec.Command(git, append([]string{"-C", s.work}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if out, err := s.says("", "1", "1", "corp.example", "y", "n"); err != nil || !strings.Contains(out, "git does not ignore sidegate.env") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(started); err == nil {
		t.Error("the program was started")
	}
}

// What is not asked is no heading either.
func TestASetupWithoutQuestionsSaysWhatItDidAndNoMore(t *testing.T) {
	s := newScene(t)
	s.file(s.downloads, "client_secret_1234.json", webClient(redirect))
	s.yes, s.given = true, setup.Answers{Emails: "ann@gmail.com"}
	out, err := s.says()
	if err != nil || !strings.HasPrefix(out, "  Taken: ") || strings.Contains(out, "Where will people") || strings.Contains(out, "A client at Google") {
		t.Errorf("%v\n%s", err, out)
	}
}
