//go:build nodemo

package main

import (
	"context"
	"errors"
)

// demoClient is no client's id: nothing that this program serves is a demo.
const demoClient = ""

// demoCommand is for the container image. The demo listens on loopback only, so that in
// there nobody could reach it, and its provider is a tenth of the program.
func demoCommand(context.Context, []string, streams) error {
	return errors.New("the container image has no demo, as nobody could reach it in there: run `go run ./cmd/sidegate demo` in a checkout")
}
