package redisstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"sidegate/session"
)

const (
	// pingEvery is how often a silent feed is asked whether it is there. It is lost
	// after twice that.
	pingEvery = 800 * time.Millisecond
	// A lost feed is opened again after some time between these.
	leastPause, mostPause = 50 * time.Millisecond, time.Second
	// steady is how long a feed has to be up for the pauses to begin anew: each return
	// has all sessions with open connections looked at.
	steady = 5 * time.Second
)

// Revoked implements session.Store.
func (s *Store) Revoked(ctx context.Context) <-chan session.Notice {
	f := &feed{store: s, ctx: ctx, notices: make(chan session.Notice)}
	go f.run()
	return f.notices
}

// feed listens for one who takes its notices.
type feed struct {
	store   *Store
	ctx     context.Context
	notices chan session.Notice
	up      bool
	why     string // it is not, as was told last
}

func (f *feed) run() {
	defer close(f.notices)
	for pause := leastPause; f.ctx.Err() == nil; pause = min(2*pause, mostPause) {
		began := time.Now()
		err := f.listen()
		if f.up && time.Since(began) > steady {
			pause = leastPause
		}
		f.down(err)
		select {
		case <-f.ctx.Done():
		case <-time.After(pause/2 + rand.N(pause/2)): // not all replicas at once
		}
	}
}

// down tells once that the feed is lost, and again when the reason is another.
func (f *feed) down(err error) {
	err = f.store.answer(err)
	if why := err.Error(); f.up || f.why != why {
		f.up, f.why = false, why
		f.tell(session.Notice{Err: err})
	}
}

func (f *feed) tell(n session.Notice) {
	select {
	case f.notices <- n:
	case <-f.ctx.Done():
	}
}

// listen tells what is published until the connection fails. One that says nothing is
// asked whether it is there: if it was cut without a word it would stay silent for ever.
func (f *feed) listen() error {
	node, err := f.node()
	if err != nil {
		return err
	}
	moved := f.store.moved()
	subscription := node.Subscribe(f.ctx, channel)
	over := make(chan struct{})
	defer close(over)
	go func() { // a read that waits knows nothing of this
		select {
		case <-f.ctx.Done():
		case <-moved:
		case <-over:
		}
		subscription.Close()
	}()
	for asked := false; ; {
		message, err := subscription.ReceiveTimeout(f.ctx, pingEvery)
		f.hear(message)
		switch timeout, ok := errors.AsType[net.Error](err); {
		case err == nil:
			asked = false
		case ok && timeout.Timeout() && !asked && subscription.Ping(f.ctx) == nil:
			asked = true
		default:
			return err
		}
	}
}

func (f *feed) hear(message any) {
	switch m := message.(type) {
	case *redis.Subscription:
		f.up, f.why = true, ""
		f.tell(session.Notice{Up: true})
	case *redis.Message:
		f.tell(session.Notice{Up: true, Keys: strings.Split(m.Payload, separator)})
	}
}

// node chooses where to listen. In a cluster that may be anywhere.
func (f *feed) node() (*redis.Client, error) {
	nodes, err := f.store.nodes(f.ctx)
	if err != nil {
		return nil, err
	}
	return nodes[rand.IntN(len(nodes))], nil
}
