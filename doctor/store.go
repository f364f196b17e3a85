package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// Step is one thing that sidegate does with its session store.
type Step struct {
	Name string // as people would say it
	Do   func(ctx context.Context) error
}

// Store looks whether a session store does what is asked of it, step by step.
func Store(ctx context.Context, what string, steps []Step) []Finding {
	var failed []Finding
	for _, s := range steps {
		err := patiently(ctx, s.Do)
		if err == nil {
			continue
		}
		f := storeTrouble(what, s.Name, err)
		failed = append(failed, f)
		if !strings.Contains(err.Error(), "NOPERM") {
			break // what a server that is down cannot do, all steps would say
		}
	}
	if len(failed) > 0 {
		return failed
	}
	return []Finding{Good("%s writes, reads, lets records end, and tells of revocations", what)}
}

// patiently does something again while it takes too long: a store that sidegate would not
// wait for now may be there in a second, and what it then says is worth more.
func patiently(ctx context.Context, do func(context.Context) error) error {
	for giveUp := time.Now().Add(checkTime / 2); ; {
		err := do(ctx)
		if err == nil || !slow(err) || time.Now().After(giveUp) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// slow reports an error that says no more than that there was no answer yet.
func slow(err error) bool {
	return isTimeout(err) || strings.Contains(err.Error(), "timeout") || strings.Contains(err.Error(), "not asked")
}

// redisRights are what the server's user needs, see package session/redisstore.
const redisRights = "ACL SETUSER NAME resetchannels ~sidegate:* &sidegate:* -@all +get +set +del +scan +eval +zadd +zrem +zrangebyscore " +
	"+zremrangebyscore +pttl +pexpire +publish +subscribe +ping +hello +auth +select +cluster|slots +asking"

// storeTrouble explains what a store says.
func storeTrouble(what, step string, err error) Finding {
	text := err.Error()
	says := fmt.Sprintf("%s cannot %s: %s", what, step, text)
	has := func(codes ...string) bool {
		for _, code := range codes {
			if strings.Contains(text, code) {
				return true
			}
		}
		return false
	}
	switch {
	case has("NOPERM"):
		return Bad(says, "Give its user the rights: "+redisRights)
	case has("WRONGPASS", "invalid username-password", "NOAUTH", "invalid password", "without any password configured", "withheld"):
		return Bad(says, "Check user and password in SIDEGATE_SESSION_STORE (redis://USER:PASSWORD@HOST:6379; special characters percent-encoded).")
	case has("connection refused"), errors.Is(err, syscall.ECONNREFUSED):
		return Bad(says, "Start Redis, or correct host and port in SIDEGATE_SESSION_STORE.")
	case has("no such host"):
		return Bad(says, "Correct the host in SIDEGATE_SESSION_STORE.")
	case has("READONLY"):
		return Bad(says, "That server is a replica: name the primary, or the sentinels (redis+sentinel://).")
	case has("MISCONF"):
		return Bad(says, "Redis cannot save to its disk and refuses to write: look into its log, and free the disk.")
	case has("store is full", "OOM"):
		return Bad(says, "Raise maxmemory of the Redis server: it is full, and nobody can sign in.")
	case has("certificate"):
		return Bad(says, "Have Redis show a certificate for its host name, signed by an authority that this machine trusts (SSL_CERT_FILE).")
	case has("there is no directory"):
		return Bad(says, "Make the directory, for sidegate's user alone, or name another file in SIDEGATE_SESSION_STORE.")
	case has("belongs to user"):
		return Bad(says, "Ask doctor as the user that sidegate runs as (sudo -u USER), or give that user the file.")
	case has("open to other"):
		return Bad(says, "Close the file with chmod 600: others could read sessions, or plant their own.")
	case slow(err), has("deadline"):
		return Bad(says, "Check that this machine reaches the server in SIDEGATE_SESSION_STORE (firewall), and that it is not overloaded.")
	}
	return Bad(says, "Check SIDEGATE_SESSION_STORE.")
}

// Eviction judges what a full Redis server does.
func Eviction(policy string, limit int64, err error) Finding {
	switch {
	case err != nil:
		return Unknown("could not tell what Redis drops when it is full (its user lacks +info)")
	case limit > 0 && policy != "noeviction":
		return Beware(fmt.Sprintf("Redis drops records when it is full (maxmemory-policy %s): people are signed out at random", policy),
			"Set maxmemory-policy noeviction on the server, or give sidegate a Redis of its own.")
	case limit > 0:
		return Good("Redis keeps what it has when it is full (noeviction)")
	}
	return Good("Redis has no limit of memory of its own")
}
