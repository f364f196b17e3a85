package main

import (
	"os"
	"slices"
	"strings"
)

// takeEnvFile takes --env-file FILE out of the arguments, which may stand anywhere before
// the app's own, and puts it where the settings are read from. ok is false when FILE is
// missing.
func takeEnvFile(args []string) (rest []string, ok bool) {
	for i, a := range args {
		file, given := strings.CutPrefix(a, "--env-file=")
		switch {
		case a == "--":
			return args, true
		case a == "--env-file" && i+1 < len(args):
			os.Setenv("SIDEGATE_ENV_FILE", args[i+1])
			return slices.Concat(args[:i], args[i+2:]), args[i+1] != ""
		case a == "--env-file":
			return args, false
		case given:
			os.Setenv("SIDEGATE_ENV_FILE", file)
			return slices.Concat(args[:i], args[i+1:]), file != ""
		}
	}
	return args, true
}
