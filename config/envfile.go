package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
)

// EnvFile is the file with settings that is read when it lies in the working folder.
const EnvFile = "sidegate.env"

// FromEnv reads the environment of this process, and then the file that ENV_FILE names,
// or EnvFile in the working folder: a setting that the environment has wins. The error
// names every SIDEGATE_ variable that is none of ours: a misspelt allow-list that is
// silently ignored would be a hole (SEC-CFG-02).
func FromEnv() (Raw, error) {
	raw, err := fromEnv()
	if err != nil {
		return Raw{}, err
	}
	file, err := openEnvFile(raw.EnvFile, raw.Providers)
	raw.fill(file)
	further, unread := readFurther(raw.Providers)
	raw.Further = further
	raw.fillFurther(file)
	// The providers may be listed in the file, and their secrets in the environment.
	unknown := unknownNames(append(os.Environ(), prefix+"_PROVIDERS="+raw.Providers))
	return raw, errors.Join(unread, unknown, err)
}

// Join puts the faults of FromEnv and of Parse together. When the file was not read at
// all, what it may hold is not missing, and whoever were told so would look in the wrong
// place.
func Join(reading, parsing error) error {
	unread := slices.ContainsFunc(Faults(reading), func(f *Fault) bool { return f.whole })
	if !unread {
		return errors.Join(reading, parsing)
	}
	all := []error{reading}
	for _, f := range Faults(parsing) {
		if !strings.HasPrefix(f.Problem, "is not set") {
			all = append(all, f)
		}
	}
	return errors.Join(all...)
}

// FromEnvText reads the text of an env file that is called name, and nothing else.
func FromEnvText(name, text string) (Raw, error) {
	values, err := parseEnvFile(name, text, "")
	var raw Raw
	raw.fill(envFile{name, values})
	raw.fillFurther(envFile{name, values})
	return raw, err
}

// envFile is a file with settings. The zero envFile has none.
type envFile struct {
	path   string
	values map[string]string // by name, with the prefix
}

// openEnvFile reads the file at path; with "", EnvFile, if there is one. The environment
// lists these providers.
func openEnvFile(path, providers string) (envFile, error) {
	named := path != ""
	if !named {
		path = EnvFile
	}
	f, err := openFile(path)
	switch {
	case err != nil && !named && errors.Is(err, os.ErrNotExist):
		return envFile{}, nil
	case err != nil:
		return envFile{}, &Fault{Name: prefix + "_ENV_FILE", Problem: fmt.Sprintf("names the file %q, which %s", path, cannotRead(err)), whole: true}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return envFile{}, &Fault{Name: path, Problem: cannotRead(err), whole: true}
	}
	if !named && foreignLink(path) {
		return envFile{}, &Fault{Name: path, Problem: foreign()}
	}
	if problem := unsafe(info, named); problem != "" {
		return envFile{}, &Fault{Name: path, Problem: problem, whole: true}
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return envFile{}, &Fault{Name: path, Problem: cannotRead(err), whole: true}
	}
	if len(content) > maxFile {
		return envFile{}, &Fault{Name: path, Problem: fmt.Sprintf("is larger than %d bytes", maxFile), whole: true}
	}
	values, err := parseEnvFile(path, string(content), providers)
	return envFile{path, values}, err
}

// unsafe says why what a file says is not to be believed, or nothing: who writes there
// decides who may enter. One that is found and not named has to be ours alone, since
// anybody can put a file into a folder like /tmp; one that is named may be readable to
// others, as container engines mount them.
func unsafe(info os.FileInfo, named bool) (problem string) {
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return "is no regular file; settings are read again while sidegate runs"
	case mode.Perm()&0o022 != 0:
		return "can be written by others, who could let themselves in; run: chmod 600 " + info.Name()
	case !named && mode.Perm()&0o044 != 0:
		return "can be read by others, and may hold secrets; run: chmod 600 " + info.Name()
	case !named && !owned(info):
		return foreign()
	}
	return ""
}

// owned reports whether a file belongs to the user that we are.
func owned(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(stat.Uid) == os.Geteuid()
}

// foreignLink reports whether path is a link that somebody else has made: a file of ours
// that it leads to is not what we meant to read here. Not all systems keep us from
// following one, as Linux does by fs.protected_symlinks.
func foreignLink(path string) bool {
	link, err := os.Lstat(path)
	return err != nil || !owned(link)
}

func foreign() (problem string) {
	return "belongs to another user; if it is meant, name it in " + prefix + "_ENV_FILE"
}

// parseEnvFile reads lines NAME=VALUE, blank ones and # comments. It takes only what
// docker's --env-file, compose and systemd read in the same way, so that one file serves
// them all: no quotes, no comment behind a value, no $ or backslash. A fault tells the
// line, and nothing of a value. Providers that are listed elsewhere have names of their
// own here too; with none it is the file that lists them.
func parseEnvFile(path, content, providers string) (map[string]string, error) {
	values := make(map[string]string)
	var faults []error
	fault := func(line int, problem string) {
		faults = append(faults, &Fault{Name: fmt.Sprintf("%s:%d", path, line), Problem: problem})
	}
	content = strings.TrimPrefix(content, "\ufeff") // of editors on Windows, as are line ends
	listed := prefix + "_PROVIDERS=" + providers
	for text := range strings.Lines(content) {
		if text = strings.TrimSpace(text); providers == "" && strings.HasPrefix(text, listed) {
			listed = text
		}
	}
	line := 0
	for text := range strings.SplitSeq(content, "\n") {
		line++
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		value = strings.TrimSpace(value)
		_, twice := values[name]
		switch unknown := unknownNames([]string{name, listed}); {
		case !ok:
			fault(line, "is no setting; write NAME=VALUE")
		case strings.HasPrefix(name, "export "):
			fault(line, "begins with export; leave it off")
		case !strings.HasPrefix(name, prefix+"_"):
			fault(line, "sets a name that does not begin with "+prefix+"_")
		case name == prefix+"_ENV_FILE":
			fault(line, "names another file with settings; there is only one")
		case unknown != nil:
			for _, f := range Faults(unknown) {
				fault(line, "sets "+f.Name+", which "+f.Problem)
			}
		case twice:
			fault(line, "sets "+name+" a second time")
		case ambiguous(value) != "":
			fault(line, "sets "+name+" to a value "+ambiguous(value))
		default:
			values[name] = value
		}
	}
	return values, errors.Join(faults...)
}

// ambiguous says why a value would be read differently by others, or nothing.
func ambiguous(value string) string {
	switch {
	case value != "" && strings.Contains(`"'`, value[:1]):
		return "in quotes; write it without"
	case strings.HasPrefix(value, "#"), strings.Contains(value, " #"), strings.Contains(value, "\t#"):
		return "with a comment behind it; give the comment a line of its own"
	case strings.ContainsAny(value, `$\`):
		return `with $ or \ in it, which compose and systemd read as something else; in an address write %24 and %5C`
	}
	return ""
}

// Faults returns the single faults in an error of this package.
func Faults(err error) []*Fault {
	var all []*Fault
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			all = append(all, Faults(e)...)
		}
	} else if f, ok := errors.AsType[*Fault](err); ok {
		all = append(all, f)
	}
	return all
}

// fill sets what is not set from the file.
func (r *Raw) fill(file envFile) {
	file.fill(prefix+"_", r.each)
	r.EnvFile = file.path
}

// fillFurther does the same for the providers that are listed.
func (r *Raw) fillFurther(file envFile) {
	for _, name := range providerNames(r.Providers) {
		provider := r.Further[name]
		file.fill(prefix+"_"+strings.ToUpper(name)+"_", provider.each)
		if r.Further == nil {
			r.Further = make(map[string]RawProvider)
		}
		r.Further[name] = provider
	}
}

// fill sets those of the settings that are not set. Of a secret and its NAME_FILE the
// environment may have the one and the file the other: the environment wins then too.
func (f envFile) fill(start string, each func(func(tag reflect.StructTag, name string, value *string))) {
	set := make(map[string]bool)
	each(func(tag reflect.StructTag, name string, value *string) {
		set[secretOf(tag, name)] = set[secretOf(tag, name)] || *value != ""
	})
	each(func(tag reflect.StructTag, name string, value *string) {
		if !set[secretOf(tag, name)] {
			*value = f.values[start+name]
		}
	})
}

// secretOf returns the name of the secret that a NAME_FILE is of, and else the name.
func secretOf(tag reflect.StructTag, name string) string {
	if tag.Get("desc") == "" {
		return strings.TrimSuffix(name, "_FILE")
	}
	return name
}
