// Bench compares what stands in front of an app: sidegate with each of its stores, the
// bare proxy of Go's library, nginx, HAProxy, Apache with mod_auth_openidc, and what else
// is named on the command line. Those that ask for a sign-in get a real one.
//
//	go run ./test/bench                 a table, after about eight minutes
//	go run ./test/bench -quick          the same in one, to see that bench works
//	go run ./test/bench -write          rewrites the figures in docs/performance.md
//	go run ./test/bench -only bare,redis -rounds 10
//	go run ./test/bench -app 127.0.0.1:9000 -add name=oauth2-proxy,url=http://127.0.0.1:4180,cookie=_oauth2_proxy=…,pid=123
//
// Compared is the time on a processor that a request costs, by the kernel's account of
// the processes themselves: how many requests a second a machine serves says as much
// about the machine, and about who else works on it. All take turns, and what is shown
// are ratios within one turn.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// order is what is asked for on the command line.
type order struct {
	size
	only  []string
	added []*candidate
	app   string // where it listens; empty: anywhere
	write bool
	grown bool // and how cost grows, and what Redis is asked
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "part" {
		fail(runPart(os.Args[2:]))
	}
	o, err := parseOrder(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	fail(err)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fail(o.run(ctx))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseOrder(args []string) (o order, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := flags.Bool("quick", false, "a minute, to see that bench itself works; the figures are no good")
	rounds := flags.Int("rounds", 0, "how many rounds")
	only := flags.String("only", "", "a comma list of "+strings.Join(names(), ", "))
	million := flags.Bool("million", false, "put a million sessions into Redis, too")
	flags.StringVar(&o.app, "app", "", "where the app shall listen, for a proxy of -add to know")
	flags.BoolVar(&o.write, "write", false, "rewrite the figures in docs/performance.md, and its chart")
	flags.Func("add", "name=NAME,url=URL,cookie=COOKIE,pid=PID[+PID…]: another one, which runs already", func(text string) error {
		c, err := parseAdded(text)
		o.added = append(o.added, c)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.size = fullSize(); *quick {
		o.size = quickSize()
	}
	if *rounds > 0 {
		o.rounds = *rounds
	}
	if *million {
		o.grow.stored = append(o.grow.stored, 1_000_000)
	}
	o.only, o.grown = names(), *only == ""
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	if o.write && (*quick || !o.grown) {
		return o, errors.New("-write is for a full run")
	}
	return o, nil
}

// parseAdded reads -add. A cookie may hold "=" but no comma.
func parseAdded(text string) (*candidate, error) {
	c := &candidate{}
	for field := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "name":
			c.name, c.title = value, value
		case "url":
			c.url = strings.TrimSuffix(value, "/")
		case "cookie":
			c.cookie, c.gate = value, value != ""
		case "pid":
			for number := range strings.SplitSeq(value, "+") {
				pid, err := strconv.Atoi(number)
				if err != nil {
					return c, err
				}
				c.pids = append(c.pids, pid)
			}
		default:
			return c, fmt.Errorf("%q is none of name, url, cookie, pid", name)
		}
	}
	if c.name == "" || !strings.HasPrefix(c.url, "http://") || len(c.pids) == 0 {
		return c, errors.New("name, url (http://…) and pid are needed")
	}
	return c, nil
}

// run does all of it.
func (o order) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "sidegate-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // Apache's workers are somebody else
		return err
	}
	began := time.Now()
	s, err := openSite(ctx, dir, o.app, os.Executable)
	if err != nil {
		return err
	}
	defer s.close()
	r := &run{site: s, size: o.size, figures: make(figures), out: os.Stderr, began: began}
	defer func() {
		for _, c := range r.all {
			c.stop()
		}
	}()
	for _, name := range o.only {
		c, err := s.candidate(ctx, name)
		if err != nil {
			return err
		}
		r.all = append(r.all, c)
	}
	r.all = append(r.all, o.added...)
	w, err := r.measure(ctx, o.grown)
	if err != nil {
		return err
	}
	w.took = time.Since(began)
	if o.write {
		return w.write(".")
	}
	fmt.Print(w.text())
	return nil
}

// measure runs everything, the long comparison first.
func (r *run) measure(ctx context.Context, grown bool) (w written, err error) {
	for _, step := range []func(context.Context) error{r.open, r.compare, r.signInMany} {
		if err := step(ctx); err != nil {
			return w, err
		}
	}
	w = written{run: r}
	if grown {
		if w.costs, err = r.redisCosts(ctx); err != nil {
			return w, err
		}
		if w.growth, err = r.growth(ctx); err != nil {
			return w, err
		}
	}
	return w, r.cold(ctx)
}
