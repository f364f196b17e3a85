//go:build nodemo

package main

import (
	"context"
	"errors"
)

// demoClient is no client's id: nothing that this program serves is a demo.
const demoClient = ""

// demoCommand is for the container image. There the demo, which listens on loopback
// only, could be reached by nobody, and its provider would be a third of the program.
func demoCommand(context.Context, []string, streams) error {
	return errors.New("the container image has no demo, as nobody could reach it in there: run the program itself, `go run ./cmd/sidegate demo` in a checkout")
}
