package tokens

import (
	"context"

	"sidegate/session"
)

// Access returns an access token for a request of a session, "" when there is none
// that is good: the request goes on without. It waits for a new one as long as others
// do who have one still.
func (k *Keeper) Access(ctx context.Context, s session.Session) string {
	ctx, cancel := context.WithTimeout(ctx, shortWait)
	defer cancel()
	held, err := k.fresh(ctx, k.Sessions.Ticket(s), s.Expires, "")
	if err != nil || !k.good(held) {
		return ""
	}
	return held.Access
}
