package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"sidegate/session"
)

// doubtAfter is how long a connection may have been silent and be trusted still after
// another one was cut.
const doubtAfter = time.Second

// server is what is known of one server's state. In a cluster a node in trouble says
// nothing of the others.
type server struct {
	breaker breaker
	trust   trust
}

// servers are by the address that go-redis is given.
type servers struct{ known sync.Map }

func (s *servers) at(addr string) *server {
	found, ok := s.known.Load(addr)
	if !ok {
		found, _ = s.known.LoadOrStore(addr, new(server))
	}
	return found.(*server)
}

// forget closes all breakers.
func (s *servers) forget() {
	s.known.Range(func(_, at any) bool {
		at.(*server).breaker.forget()
		return true
	})
}

// once is a command that a cluster's client must not send twice by itself.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

// do sends one command about the key that is its first argument.
func (s *Store) do(ctx context.Context, again bool, args ...any) (*redis.Cmd, error) {
	var cmd *redis.Cmd
	err := s.call(ctx, args[1].(string), again, func(ctx context.Context, _ *redis.Client) error {
		cmd = redis.NewCmd(ctx, args...)
		return s.client.Process(ctx, once{cmd})
	})
	return cmd, err
}

// call makes one call to the server that has the key of that name, in at most the time
// of a call.
func (s *Store) call(ctx context.Context, name string, again bool, send func(context.Context, *redis.Client) error) error {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	node, err := s.node(ctx, bounded, name)
	if err != nil {
		return s.answer(err)
	}
	return s.callAt(ctx, bounded, node, again, send)
}

// callAt makes one call to one server. If the server refuses it as a whole, or cuts the
// connection and again is set, it is made once more, on another connection: what may
// have been carried out already must come to the same when it is made twice.
func (s *Store) callAt(ctx, bounded context.Context, node *redis.Client, again bool, send func(context.Context, *redis.Client) error) error {
	at := s.servers.at(node.Options().Addr)
	return s.answer(s.guard(ctx, at, func() error {
		err := send(bounded, node)
		switch {
		case refused(err):
			at.trust.endBefore(time.Now())
		case again && wasCut(err):
			at.trust.doubtSilentSince(time.Now().Add(-doubtAfter))
		default:
			return err
		}
		return send(bounded, node)
	}))
}

// node returns the client of the server that has the key of that name. Only a
// cluster's client may have to ask for it.
func (s *Store) node(ctx, bounded context.Context, name string) (node *redis.Client, err error) {
	switch client := s.client.(type) {
	case *redis.Client:
		return client, nil
	case *redis.ClusterClient:
		err = s.guard(ctx, s.servers.at(""), func() error {
			node, err = client.MasterForKey(bounded, name)
			return err
		})
	}
	return node, err
}

// guard asks the server's breaker, and tells it what became of the call.
func (s *Store) guard(ctx context.Context, at *server, send func() error) error {
	probe, err := at.breaker.ask()
	if err != nil {
		return err
	}
	start := time.Now()
	err = send()
	v := judge(err)
	// Whoever waited for half of a call's time has seen enough, whatever made the
	// caller go away.
	if v == fails && ended(ctx) && time.Since(start) < s.timeout/2 {
		v = unknown
	}
	if open := at.breaker.tell(probe, v); open {
		at.trust.endBefore(time.Now()) // the next call shall meet the server, not a dead connection
	}
	if v == fails {
		s.lookAgain(ctx)
	}
	return err
}

// lookAgain asks where the keys are now. A cluster's client does so by itself when a
// node says that it has lost some, but not when the node is gone.
func (s *Store) lookAgain(ctx context.Context) {
	if client, ok := s.client.(*redis.ClusterClient); ok {
		client.ReloadState(ctx)
	}
	if s.sentinels != nil {
		s.sentinels.trouble()
	}
}

// ended tells whether a context is done, or about to be: the deadline that go-redis sets
// on a connection can come before the context knows of it.
func ended(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

// judge tells what an answer says of the server.
func judge(err error) verdict {
	reply, ok := errors.AsType[redis.Error](err)
	switch {
	case err == nil || ok && !unable(reply):
		return works
	}
	return fails
}

// unable tells whether a server says that it cannot answer at all now.
func unable(err redis.Error) bool {
	return refused(err) || redis.IsAuthError(err) || redis.IsLoadingError(err) || redis.IsMasterDownError(err) ||
		redis.IsClusterDownError(err) || redis.IsTryAgainError(err) || redis.IsMaxClientsError(err)
}

// refused tells whether the server has not carried out a command, and would never on
// this connection: it has become a replica, or wants a password.
func refused(err error) bool {
	return says(err, "READONLY ") || says(err, "NOAUTH ")
}

// says looks for an error code. Before version 7 one that a script met comes amid text.
func says(err error, code string) bool {
	reply, ok := errors.AsType[redis.Error](err)
	return ok && (strings.HasPrefix(reply.Error(), code) || strings.Contains(reply.Error(), " -"+code))
}

// wasCut tells whether a connection ended, rather than kept silent or was never there.
func wasCut(err error) bool {
	for _, cut := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, cut) {
			return true
		}
	}
	return false
}

// answer turns what go-redis says into what the contract says.
func (s *Store) answer(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.Nil):
		return session.ErrNone
	case says(err, "OOM "): // maxmemory is reached, and the server may not evict
		return session.ErrFull
	case errors.Is(err, errOpen):
		return err
	case s.quotesSecret(err.Error()):
		// An old server or a proxy that does not know our greeting, HELLO … AUTH,
		// quotes it in its refusal.
		return errors.New("redis: the server's error is withheld, since it quotes the password")
	}
	return fmt.Errorf("redis: %w", err)
}
