package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"sidegate/access"
	"sidegate/identity"
)

// GroupsBase is where Google's Cloud Identity API is.
const GroupsBase = "https://cloudidentity.googleapis.com/v1"

// groupsScope is what the service account's tokens are for: to read groups.
const groupsScope = "https://www.googleapis.com/auth/cloud-identity.groups.readonly"

const (
	groupsPage    = "1000" // the most that one page has
	maxGroupPages = 10
)

// GoogleGroups looks people's Google Groups up with the rights of a service account:
// the role Groups Reader is enough, and acts for no person (no domain-wide
// delegation). It is a GroupSource.
type GoogleGroups struct {
	base     string
	customer string // whose nested groups count; empty: direct ones
	http     *http.Client
	tokens   oauth2.TokenSource
}

// NewGoogleGroups takes the JSON key of a service account, the API's address, and the
// id of the organisation within which groups in groups count; empty: none do.
func NewGoogleGroups(key []byte, base, customer string) (*GoogleGroups, error) {
	bad := errors.New("not the JSON key of a service account") // the cause may quote the key
	if _, err := google.JWTAccessTokenSourceFromJSON(key, base); err != nil {
		return nil, bad // it does not sign
	}
	account, err := google.JWTConfigFromJSON(key, groupsScope)
	if err != nil {
		return nil, bad
	}
	client := newHTTPClient(groupsTime)
	return &GoogleGroups{
		base: base, customer: customer, http: client,
		tokens: account.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, client)),
	}, nil
}

// Groups implements GroupSource: the groups' addresses.
func (g *GoogleGroups) Groups(ctx context.Context, id identity.Identity) ([]string, error) {
	email, ok := access.FoldEmail(id.Email)
	if !ok {
		return nil, errors.New("no address to look for")
	}
	token, err := g.token(ctx)
	if err != nil {
		return nil, err
	}
	var groups []string
	page := ""
	for range maxGroupPages {
		found, next, err := g.page(ctx, token, email, page)
		if err != nil {
			return nil, err
		}
		groups = append(groups, found...)
		if next == "" {
			return groups, nil
		}
		page = next
	}
	return nil, errors.New("the Cloud Identity API's list does not end")
}

// token returns an access token, a new one when the last has run out. The library
// waits for Google without regard to ctx, though not for ever.
func (g *GoogleGroups) token(ctx context.Context) (*oauth2.Token, error) {
	type result struct {
		token *oauth2.Token
		err   error
	}
	done := make(chan result, 1)
	go func() {
		token, err := g.tokens.Token()
		done <- result{token, err}
	}()
	select {
	case <-ctx.Done():
		return nil, errors.New("the token endpoint of the service account does not answer")
	case r := <-done:
		if refused, ok := errors.AsType[*oauth2.RetrieveError](r.err); ok && refused.Response != nil {
			// Not its body, which may quote what was sent.
			return nil, fmt.Errorf("the token endpoint of the service account answered %d: is the key still valid, and this machine's clock right?", refused.Response.StatusCode)
		}
		if r.err != nil || r.token.AccessToken == "" {
			return nil, errors.New("the service account gets no token: its token endpoint cannot be reached, or answers nonsense")
		}
		return r.token, nil
	}
}

// memberships is a page of an answer, of either method.
type memberships struct {
	Memberships []struct {
		GroupKey struct {
			ID        string `json:"id"`
			Namespace string `json:"namespace"`
		} `json:"groupKey"`
	} `json:"memberships"`
	Next string `json:"nextPageToken"`
}

// page asks for one page of the groups that email is in.
func (g *GoogleGroups) page(ctx context.Context, token *oauth2.Token, email, page string) (groups []string, next string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.base+g.question(email, page), nil)
	if err != nil {
		return nil, "", errors.New("the Cloud Identity API's address is none")
	}
	token.SetAuthHeader(r)
	res, err := g.http.Do(r)
	if err != nil {
		return nil, "", fmt.Errorf("the Cloud Identity API cannot be reached: %w", withoutURL(err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, "", GroupsError(res.StatusCode)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, "", fmt.Errorf("the Cloud Identity API's answer: %w", withoutURL(err))
	}
	var answer memberships
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, "", errors.New("the Cloud Identity API answered something that is no list of groups")
	}
	for _, m := range answer.Memberships {
		// Groups of another directory, mapped into Google's, have names of their own
		// choosing, which may look like the address of a Google Group.
		if m.GroupKey.ID != "" && m.GroupKey.Namespace == "" {
			groups = append(groups, m.GroupKey.ID)
		}
	}
	return groups, answer.Next, nil
}

// question is the path and query for a page. Direct groups that the account may not
// see are left out by Google; a single such group fails the search through nested
// ones, unless that is kept to one organisation.
func (g *GoogleGroups) question(email, page string) string {
	// In an expression of CEL; an address has no backslash.
	query := "member_key_id == '" + strings.ReplaceAll(email, "'", `\'`) + "' && 'cloudidentity.googleapis.com/groups.discussion_forum' in labels"
	method := "searchDirectGroups"
	if g.customer != "" {
		method = "searchTransitiveGroups"
		query += " && parent == 'customers/" + g.customer + "'"
	}
	parameters := url.Values{"query": {query}, "pageSize": {groupsPage}}
	if page != "" {
		parameters.Set("pageToken", page)
	}
	return "/groups/-/memberships:" + method + "?" + parameters.Encode()
}

// withoutURL takes the address off an error of net/http: it holds the person's.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// GroupsError is a refusal of the Cloud Identity API: its status.
type GroupsError int

func (e GroupsError) Error() string {
	text := fmt.Sprintf("the Cloud Identity API answered %d", int(e))
	switch e {
	case http.StatusForbidden:
		text += ": enable the Cloud Identity API in the service account's project, and give the account the role Groups Reader in Google's Admin console; nested groups need an edition that has them"
	case http.StatusUnauthorized:
		text += ": is the service account's key still valid?"
	case http.StatusBadRequest:
		text += ": is SIDEGATE_GOOGLE_CUSTOMER right?"
	case http.StatusTooManyRequests:
		text += ": the project's quota is used up; a longer SIDEGATE_GROUPS_TTL asks less often"
	}
	return text
}
