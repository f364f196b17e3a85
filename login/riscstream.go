package login

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// RISCBase is where Google's RISC API is.
const RISCBase = "https://risc.googleapis.com/v1beta"

// riscAudience is whom the service account's own tokens are for.
const riscAudience = "https://risc.googleapis.com/google.identity.risc.v1beta.RiscManagementService"

// riscPush says that events are posted to us as they come (RFC 8935).
const riscPush = "https://schemas.openid.net/secevent/risc/delivery-method/push"

// RISCStream sets up, at Google, where a project's security events go. There is
// one stream for a project.
type RISCStream struct {
	base   string
	http   *http.Client
	tokens oauth2.TokenSource
}

// NewRISCStream takes the JSON key of a service account that may configure the
// stream, and the API's address.
func NewRISCStream(key []byte, base string) (*RISCStream, error) {
	tokens, err := google.JWTAccessTokenSourceFromJSON(key, riscAudience)
	if err != nil {
		return nil, errors.New("not the JSON key of a service account") // the cause may quote the key
	}
	return &RISCStream{base: base, http: newHTTPClient(providerTime), tokens: tokens}, nil
}

// Register has Google post the events to receiver from now on.
func (s *RISCStream) Register(ctx context.Context, receiver string) error {
	type delivery struct {
		Method string `json:"delivery_method"`
		URL    string `json:"url"`
	}
	return s.call(ctx, http.MethodPost, "/stream:update", struct {
		Delivery delivery `json:"delivery"`
		Events   []string `json:"events_requested"`
	}{delivery{riscPush, receiver}, []string{
		riscEvents + "sessions-revoked", riscEvents + "account-disabled", riscEvents + "account-enabled",
		riscEvents + "account-credential-change-required", riscEvents + "verification",
		oauthEvents + "tokens-revoked", oauthEvents + "token-revoked",
	}}, nil)
}

// Verify has Google send a test event with state in it.
func (s *RISCStream) Verify(ctx context.Context, state string) error {
	return s.call(ctx, http.MethodPost, "/stream:verify", map[string]string{"state": state}, nil)
}

// RISCStatus is what Google says of a stream.
type RISCStatus struct {
	Status   string // "enabled", "paused" or "disabled"
	Receiver string // where events go
}

// Status asks for the stream's state.
func (s *RISCStream) Status(ctx context.Context) (RISCStatus, error) {
	var stream struct {
		Delivery struct {
			URL string `json:"url"`
		} `json:"delivery"`
	}
	if err := s.call(ctx, http.MethodGet, "/stream", nil, &stream); err != nil {
		return RISCStatus{}, err
	}
	var status struct {
		Status string `json:"status"`
	}
	err := s.call(ctx, http.MethodGet, "/stream/status", nil, &status)
	return RISCStatus{Status: status.Status, Receiver: stream.Delivery.URL}, err
}

// call sends one request and reads the answer into out, unless that is nil.
func (s *RISCStream) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.base+path, body)
	if err != nil {
		return err
	}
	token, err := s.tokens.Token()
	if err != nil {
		return errors.New("the service account's key does not sign")
	}
	token.SetAuthHeader(r)
	r.Header.Set("Content-Type", "application/json")
	res, err := s.http.Do(r)
	if err != nil {
		return fmt.Errorf("the RISC API cannot be reached: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("the RISC API's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return RISCError{Status: res.StatusCode, Message: googleMessage(answer)}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return errors.New("the RISC API answered something that is no JSON")
	}
	return nil
}

// RISCError is a refusal of Google's RISC API.
type RISCError struct {
	Status  int
	Message string // Google's; may be empty
}

func (e RISCError) Error() string {
	return strings.TrimRight(fmt.Sprintf("the RISC API answered %d: %s", e.Status, e.Message), ": ")
}

// googleMessage returns what an error answer of Google's says, in one line.
func googleMessage(answer []byte) string {
	var e struct {
		Error struct {
			Message text `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(answer, &e) != nil {
		return ""
	}
	return cut(strings.Join(strings.Fields(string(e.Error.Message)), " "), 300)
}
