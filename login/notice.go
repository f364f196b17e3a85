package login

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sidegate/session"
	"sidegate/web"
)

// A notice is what the provider's servers post to us about somebody: a logout
// token or a security event token. There is no browser behind it, so neither
// cookies nor Origin count; the signature alone does.

// maxNotice bounds a notice's body, in bytes.
const maxNotice = 64 << 10

// readNotice reads the body of a POST. Anybody can begin one, so it is waited for
// no longer than for the provider (SEC-DOS-02).
func (l *Login) readNotice(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, errors.New("not a POST")
	}
	// Where there is no connection, as in a test, there is no deadline either.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(l.Patience))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotice))
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return body, nil
}

// noticeContext is the context in which a notice is acted upon. It outlives the
// request: a provider that does not wait means what it said all the same.
func (l *Login) noticeContext(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), l.Patience)
}

// outage is why we cannot say at present what a notice means, or do what it says.
// The sender should come again.
type outage struct{ error }

func (o outage) Unwrap() error { return o.error }

// failNotice tells the sender which of two things happened: 503 that we could do
// nothing at present, so that it comes again (Back-Channel Logout 1.0, 2.5); 400
// that the notice is bad, for good (2.8; RFC 8935 2.3). body holds what the
// standard wants to see in an answer of 400.
func failNotice(err error, body map[string]string) error {
	if _, ok := errors.AsType[outage](err); ok {
		return &web.Error{
			Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable",
			Public: "This cannot be done at the moment. Send it again.", Retry: 5 * time.Second, Err: err,
		}
	}
	return &web.Error{
		Status: http.StatusBadRequest, Code: "invalid_request",
		Public: "This address is for notices of the sign-in service. What came is none that we accept.",
		Body:   body, Err: err,
	}
}

// Marks of a notice.
var (
	noticeBegun = []byte{1}
	noticeDone  = []byte{2}
)

// once runs act for a notice that was not acted upon before, and reports whether
// it was new. life is how long the notice could be accepted again.
//
// The mark is set before act, so that two replicas cannot both take the notice
// for new, and finished after it. Until then a repeat acts again: the first did
// not get through, and ending what has ended is no harm. When the store cannot
// say, nothing is done.
func (l *Login) once(ctx context.Context, kind, id string, life time.Duration, act func() error) (fresh bool, err error) {
	key := l.noticeKey(kind, id)
	first, err := l.Store.PutIfAbsent(ctx, key, noticeBegun, life)
	if err != nil {
		return false, outage{err}
	}
	if !first {
		mark, err := l.Store.Get(ctx, key)
		if err != nil && !errors.Is(err, session.ErrNone) {
			return false, outage{err}
		}
		if bytes.Equal(mark, noticeDone) {
			return false, nil
		}
	}
	if err := act(); err != nil {
		return true, err
	}
	if err := l.Store.Replace(ctx, key, noticeDone, life); err != nil && !errors.Is(err, session.ErrNone) {
		return true, outage{err}
	}
	return true, nil
}

// noticeKey names a mark. Our own client and address are part of it: another
// sidegate on the same store has to act for itself.
func (l *Login) noticeKey(kind, id string) string {
	h := sha256.New()
	fmt.Fprintf(h, "sidegate notice %s\x00%d:%s\x00%s", kind, len(l.sealer.bind), l.sealer.bind, id)
	return "n:" + hex.EncodeToString(h.Sum(nil))
}

// checkIssued checks when a token was issued: it is required, a number, not in
// the future and not older than its mark is kept.
func (l *Login) checkIssued(is number, at time.Time, oldest time.Duration) error {
	now := l.Now()
	switch {
	case !bool(is):
		return errors.New("iat is missing or no number")
	case at.After(now.Add(clockSkew)):
		return fmt.Errorf("iat is in the future: our clocks differ by more than %s", clockSkew)
	case at.Before(now.Add(-oldest)):
		return fmt.Errorf("iat is more than %s ago", oldest)
	}
	return nil
}

// markLife is how long the mark of a token has to be kept.
func markLife(oldest time.Duration) time.Duration { return oldest + 2*clockSkew }

// typeOf returns the typ of a token's header, in lower case and without the
// "application/" that may be left out (RFC 7515 4.1.9).
func typeOf(compact string) string {
	head, _, _ := strings.Cut(compact, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return ""
	}
	var header struct {
		Type text `json:"typ"`
	}
	if json.Unmarshal(raw, &header) != nil {
		return ""
	}
	return strings.TrimPrefix(strings.ToLower(string(header.Type)), "application/")
}

// readEvents reads the events member: an object with one object for each event
// (RFC 8417 2.2). Names are compared exactly, as encoding/json would not.
func readEvents(raw json.RawMessage) (map[string]json.RawMessage, error) {
	if err := checkMembers(raw); err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	var events map[string]json.RawMessage
	if err := json.Unmarshal(raw, &events); err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	for name, event := range events {
		if err := checkMembers(event); err != nil {
			return nil, fmt.Errorf("event %.100q: %w", name, err)
		}
	}
	return events, nil
}
