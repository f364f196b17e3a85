package tokens

import (
	"context"
	"errors"
	"time"

	"sidegate/session"
)

// pollStep is how often somebody who has to wait looks whether the other is done.
const pollStep = 50 * time.Millisecond

// renew gets new tokens from the provider, or from the process that has its turn.
func (k *Keeper) renew(ctx context.Context, t session.Ticket, expires time.Time, refused string) (session.Tokens, error) {
	due := func(held session.Tokens) bool { return k.due(held, refused) }
	turn, got, err := k.await(ctx, t, due)
	if turn == nil {
		return got, err
	}
	defer turn.End(ctx)
	held, err := k.Sessions.Tokens(ctx, t)
	if err != nil || !due(held) {
		return held, err
	}
	got, err = k.Provider.Refresh(ctx, held)
	switch {
	case errors.Is(err, session.ErrGrantLost):
		k.Log.Info("the provider has withdrawn a person's grant: it has to be given again", "error", err.Error())
		return k.store(ctx, t, expires, held, session.Tokens{Scopes: held.Scopes, Obtained: held.Obtained, Lost: true})
	case err != nil:
		return session.Tokens{}, err
	}
	return k.store(ctx, t, expires, held, got)
}

// await takes the turn of a session. Without a turn and an error it returns the
// tokens, of which another process has seen to it that still says no.
func (k *Keeper) await(ctx context.Context, t session.Ticket, still func(session.Tokens) bool) (*session.Turn, session.Tokens, error) {
	for {
		turn, taken, err := k.Sessions.TakeTurn(ctx, t)
		if err != nil || taken {
			return turn, session.Tokens{}, err
		}
		select {
		case <-ctx.Done():
			return nil, session.Tokens{}, ctx.Err()
		case <-time.After(pollStep):
		}
		if now, err := k.Sessions.Tokens(ctx, t); err != nil || !still(now) {
			return nil, now, err
		}
	}
}

const (
	storeStep = 250 * time.Millisecond
	// storeTime is how long a store in trouble is asked to take new tokens. The old
	// refresh token may be of no use any more, so it is worth a wait.
	storeTime = 15 * time.Second
)

// store puts next in place of held, before anybody is given it, and returns what
// counts now. If others are there instead of held, they are newer: somebody took this
// process for dead, or the person connected again. Where no refresh token came with
// that, the one here goes on.
func (k *Keeper) store(ctx context.Context, t session.Ticket, expires time.Time, held, next session.Tokens) (session.Tokens, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	for {
		now, err := k.Sessions.Tokens(ctx, t)
		if err == nil && now.Refresh != held.Refresh {
			return now, nil
		}
		put := next
		if now.Access != held.Access {
			put = now
			put.Refresh = next.Refresh
		}
		if err == nil {
			err = k.Sessions.ReplaceTokens(ctx, t, expires, put)
		}
		switch {
		case err == nil:
			return put, nil
		case errors.Is(err, session.ErrNone):
			return session.Tokens{}, err
		}
		select {
		case <-ctx.Done():
			return session.Tokens{}, err
		case <-time.After(storeStep):
		}
	}
}
