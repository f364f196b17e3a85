package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"time"
)

// A Turn is the right to change the tokens of one session, held by one caller among
// all processes on the store. It is a lease: of a holder that dies nothing is left
// after turnLife.
//
// It keeps two from spending a refresh token at once, which providers that hand out
// each only for one use take for a theft. It is no proof: a process that was stopped
// for long may still believe that it has its turn, and so whoever writes tokens
// compares what is there.
type Turn struct {
	manager *Manager
	key     string
	mark    []byte
	stop    context.CancelFunc
	ended   chan struct{}
}

const (
	// turnLife is how long a dead holder is in the way.
	turnLife = 5 * time.Second
	// turnStep is how often a living one says so: two calls may fail in between.
	turnStep = turnLife / 4
)

// TakeTurn takes a session's turn unless somebody else has it, and reports whether it
// did. Until End it is renewed.
func (m *Manager) TakeTurn(ctx context.Context, t Ticket) (*Turn, bool, error) {
	turn := &Turn{manager: m, key: "l:" + t.key()[2:], mark: make([]byte, 16), ended: make(chan struct{})}
	rand.Read(turn.mark) // never fails: crypto/rand ends the process instead
	taken, err := m.Store.PutIfAbsent(ctx, turn.key, turn.mark, turnLife)
	if err != nil || !taken {
		return nil, false, err
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	turn.stop = stop
	go turn.renew(renewing)
	return turn, true, nil
}

func (t *Turn) renew(ctx context.Context) {
	defer close(t.ended)
	for {
		pause(ctx, turnStep)
		if ctx.Err() != nil {
			return
		}
		mine, err := t.mine(ctx)
		if err == nil && !mine {
			return // it ran out, and may be somebody else's
		}
		if err == nil {
			_ = t.manager.Store.Replace(ctx, t.key, t.mark, turnLife)
		}
	}
}

func (t *Turn) mine(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, turnStep)
	defer cancel()
	mark, err := t.manager.Store.Get(ctx, t.key)
	if errors.Is(err, ErrNone) {
		return false, nil
	}
	return bytes.Equal(mark, t.mark), err
}

// End lets the next one have its turn. Where that fails, the lease runs out.
func (t *Turn) End(ctx context.Context) {
	t.stop()
	<-t.ended
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), turnStep)
	defer cancel()
	if mine, err := t.mine(ctx); err == nil && mine {
		_ = t.manager.Store.Revoke(ctx, t.key)
	}
}
