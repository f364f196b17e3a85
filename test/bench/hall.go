package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sidegate/session"
	"sidegate/session/filestore"
	"sidegate/session/redisstore"
)

// hall is a sidegate whose store fills up.
type hall struct {
	*candidate
	secret  string
	cookies []string // of people who have signed in
	others  int      // sessions of people who do not come
	issuer  string
	open    func() (session.Store, error)
	server  *redisServer
}

func (h *hall) close() {
	h.stop()
	if h.server != nil {
		h.server.stop()
	}
}

func (r *run) newHall(ctx context.Context, kind string) (h *hall, err error) {
	h = &hall{secret: rand.Text() + rand.Text()}
	port, err := r.ports.free()
	if err != nil {
		return h, err
	}
	h.candidate = &candidate{name: "crowded " + kind, gate: true, url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	var store string
	if kind == "file" {
		path := filepath.Join(r.dir, "crowd")
		h.title = "sidegate, `file:`"
		store, h.open = "file:"+path, func() (session.Store, error) { return filestore.Open(path) }
	} else {
		h.title = "sidegate, Redis"
		if h.server, err = r.startRedis(ctx, "redis of a crowd"); err != nil {
			if h.server != nil {
				h.server.stop()
			}
			return h, err
		}
		store, h.open = h.server.url(), func() (session.Store, error) { return redisstore.Open(h.server.url()) }
		h.store = []int{h.server.pid()}
	}
	env, err := r.gateEnv(ctx, h.candidate, store, h.secret)
	for _, setting := range env {
		if issuer, ok := strings.CutPrefix(setting, "SIDEGATE_ISSUER="); ok {
			h.issuer = issuer
		}
	}
	h.launch = func() (*process, error) { return start(r.dir, h.name, env, r.sidegate) }
	return h, err
}

// invite has people sign in until there are n of them. sidegate is not running: a file
// is one process's alone.
func (h *hall) invite(ctx context.Context, n int) error {
	have := len(h.cookies)
	if n <= have {
		return nil
	}
	store, err := h.open()
	if err != nil {
		return err
	}
	defer store.Close()
	p, err := newPeople(store, h.secret, h.url, h.issuer)
	if err != nil {
		return err
	}
	_, cookies, err := p.signIn(ctx, have, n, 16)
	h.cookies = append(h.cookies, cookies...)
	return err
}

// fill adds sessions until there are n: those of visitors, and others that are as long
// but nobody's, as signing in a hundred thousand people takes minutes.
func (h *hall) fill(ctx context.Context, n int) error {
	if err := h.invite(ctx, min(n, visitors)); err != nil {
		return err
	}
	more := n - len(h.cookies) - h.others
	if more <= 0 {
		return nil
	}
	begin := h.others
	h.others += more
	if h.server != nil {
		return h.fillRedis(begin, more)
	}
	store, err := h.open()
	if err != nil {
		return err
	}
	defer store.Close()
	// Writes that wait at the same time go to the disk together.
	return crowd(more, 4000, func(i int) error { return store.Put(ctx, otherKey(begin+i), other(), lasting) })
}

const (
	lasting = 12 * time.Hour
	// otherSize is about what the record of somebody with a long name has.
	otherSize = 800
)

func otherKey(n int) string { return fmt.Sprintf("s:%064x", n) }

// other is a record that nobody can open.
func other() []byte {
	b := make([]byte, otherSize)
	rand.Read(b)
	return b
}

// fillRedis sends a thousand commands at a time.
func (h *hall) fillRedis(begin, n int) error {
	c, err := dialRedis(h.server.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	ms := strconv.FormatInt(lasting.Milliseconds(), 10)
	for i := 0; i < n; {
		sent := min(1000, n-i)
		for range sent {
			if err := c.send("SET", "sidegate:"+otherKey(begin+i), string(other()), "PX", ms); err != nil {
				return err
			}
			i++
		}
		for range sent {
			if _, err := c.answer(); err != nil {
				return err
			}
		}
	}
	return nil
}

// greet has each of n visitors come once, so that sidegate knows them. A store that is
// asked for thousands at a time on a busy machine may fail to answer in time: who is told
// so comes again, as browsers do.
func (h *hall) greet(ctx context.Context, n int) error {
	client := newClient(8)
	defer client.CloseIdleConnections()
	return crowd(n, 8, func(i int) (err error) {
		visitor := &candidate{name: h.name, url: h.url, cookie: h.cookies[i]}
		for range 5 {
			if err = visitor.proveApp(ctx, client, pathSmall, smallSize); err == nil {
				return nil
			}
		}
		return err
	})
}
