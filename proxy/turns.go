package proxy

import "context"

// maxDials is how many connections to the app are made at the same time. After a
// restart of the app, or of ours, all browsers come back in one moment (FLT-29):
// a queue here is in order and can be left, the kernel's drops whom it likes, and
// who was dropped tries again a second later.
const maxDials = 128

// turns has callers wait in line, in the order they came.
type turns chan struct{}

// take waits for a turn, which end gives to the next. Whoever leaves gives up their
// place: ctx's error.
func (t turns) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case t <- struct{}{}: // Go serves those who wait for a channel in order
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turns) end() { <-t }
