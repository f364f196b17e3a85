// Command slim lets the container image's program be a third smaller:
//
//	go run ./release/slim overlay.json && go build -overlay overlay.json …
//
// Go's linker leaves out what nobody calls, but has to keep every exported method of
// every type as soon as one may be called by a name that is known at run time only. Of
// all that sidegate is made of, text/template alone does that, and sidegate's templates
// call no methods. So the overlay is the text/template of the Go that builds, with that
// one call taken out: a template that names a method is then an error, as one that names
// a field that is not there. Escaping, all of html/template, is as it was. Releases are
// built of Go's library as it is, so that anybody can make them again.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// call is what goes, and nothing what stands there instead: an invalid value, which is
// what the call returns where there is no such method.
const (
	call    = "ptr.MethodByName(fieldName)"
	nothing = "(reflect.Value{})"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: slim OVERLAY.json")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "slim:", err)
		os.Exit(1)
	}
}

// write writes the overlay, and the file that it names beside it.
func write(path string) error {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "text", "template", "exec.go")
	code, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	replaced := map[string]string{}
	if bytes.Count(code, []byte(call)) == 1 {
		replaced[source], err = filepath.Abs(path + ".exec.go")
		if err != nil {
			return err
		}
		code = bytes.Replace(code, []byte(call), []byte(nothing), 1)
		if err := os.WriteFile(replaced[source], code, 0o644); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(os.Stderr, "slim: this Go's text/template is another than expected: the program stays as large as it is")
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return err
	}
	return os.WriteFile(path, overlay, 0o644)
}
