package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"sidegate/web"
)

// sessionsOrder is what the arguments of `sidegate sessions` ask for.
type sessionsOrder struct {
	verb string // list or revoke
	json bool
	all  bool
	who  []string
}

// parseSessions reads "list [--json]", "revoke WHO…" or "revoke --all".
func parseSessions(args []string) (o sessionsOrder, ok bool) {
	if len(args) == 0 {
		return o, false
	}
	o.verb = args[0]
	for _, arg := range args[1:] {
		switch {
		case o.verb == "list" && arg == "--json":
			o.json = true
		case o.verb == "revoke" && arg == "--all":
			o.all = true
		case o.verb == "revoke" && !strings.HasPrefix(arg, "-"):
			o.who = append(o.who, arg)
		default:
			return o, false
		}
	}
	return o, o.verb == "list" || o.verb == "revoke" && o.all != (len(o.who) > 0)
}

// sessionsCommand: sidegate sessions list|revoke, through the private listener of
// the running process.
func sessionsCommand(ctx context.Context, o sessionsOrder, to streams) error {
	c, err := newAdminClient(storeTime + 10*time.Second)
	if err != nil {
		return err
	}
	if o.verb == "list" {
		return listSessions(ctx, c, o.json, to)
	}
	return revokeSessions(ctx, c, o, to)
}

func listSessions(ctx context.Context, c *adminClient, asJSON bool, to streams) error {
	answer, err := c.ask(ctx, http.MethodGet, "/sessions", nil)
	if err != nil {
		return err
	}
	var list sessionList
	if err := json.Unmarshal(answer, &list); err != nil {
		return fmt.Errorf("the list of sessions cannot be read: %w", err)
	}
	switch {
	case asJSON:
		to.out.Write(answer)
	case len(list.Sessions) == 0:
		fmt.Fprintln(to.out, "Nobody is signed in.")
	default:
		sessionTable(to.out, list.Sessions, time.Now())
	}
	if list.Truncated {
		fmt.Fprintf(to.err, "There are more: these are the %d used last.\n", len(list.Sessions))
	}
	return nil
}

func sessionTable(out io.Writer, sessions []listedSession, now time.Time) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "EMAIL\tSIGNED IN\tLAST SEEN\tENDS\tBROWSER\tADDRESS\tID")
	for _, s := range sessions {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			web.Printable(cmp.Or(s.Email, "sub:"+s.Subject)), web.Relative(s.Created, now), web.Relative(s.Seen, now), web.Relative(s.Ends, now),
			web.Browser(s.Browser), web.Printable(cmp.Or(s.Address, "-")), s.ID)
	}
	table.Flush()
}

func revokeSessions(ctx context.Context, c *adminClient, o sessionsOrder, to streams) error {
	answer, err := c.ask(ctx, http.MethodPost, "/sessions/revoke", revocation{Who: o.who, All: o.all})
	if err != nil {
		return err
	}
	var done revoked
	if err := json.Unmarshal(answer, &done); err != nil {
		return fmt.Errorf("the answer to the revocation cannot be read: %w", err)
	}
	if o.all {
		fmt.Fprintln(to.out, sessionCount(done.Revoked), "ended")
	}
	for _, e := range done.Ended {
		if id, ok := strings.CutPrefix(e.Who, "id:"); ok {
			fmt.Fprintln(to.out, "session", web.Printable(id), "ended")
			continue
		}
		fmt.Fprintln(to.out, sessionCount(e.Sessions), "of", web.Printable(e.Who), "ended")
	}
	for _, who := range done.Unknown {
		fmt.Fprintln(to.err, "no session of", web.Printable(who))
	}
	if len(done.Unknown) > 0 {
		return exitCode(1)
	}
	return nil
}

func sessionCount(n int) string {
	if n == 1 {
		return "1 session"
	}
	return fmt.Sprintf("%d sessions", n)
}
