package logintest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// CloudIdentity stands in for what Google offers to look up people's groups: the part
// of the Cloud Identity API for that, and the token endpoint of a service account. It
// is strict where Google is, and what goes wrong is scripted.
type CloudIdentity struct {
	*httptest.Server
	Customer string // to whom searches through nested groups have to be kept

	account *rsa.PrivateKey
	mu      sync.Mutex
	direct  map[string][]string // groups by address
	nested  map[string][]string // those that come with other groups
	pageLen int
	answer  func(w http.ResponseWriter, r *http.Request) (answered bool)
	token   func(w http.ResponseWriter, r *http.Request) (answered bool)
	tokens  []string
	asked   []string // "METHOD address" for each page
}

const (
	serviceAccount = "groups@project.iam.example"
	groupsScope    = "https://www.googleapis.com/auth/cloud-identity.groups.readonly"
	groupsPath     = "/v1/groups/-/memberships:"
	accountTokens  = "/token"
)

// NewCloudIdentity starts one, which ends with the test.
func NewCloudIdentity(t testing.TB) *CloudIdentity {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatalf("logintest: %v", err)
	}
	c := &CloudIdentity{
		Customer: "C046psxkn", account: key, pageLen: 1000,
		direct: make(map[string][]string), nested: make(map[string][]string),
	}
	c.Server = httptest.NewServer(c)
	t.Cleanup(func() {
		c.CloseClientConnections()
		c.Close()
	})
	return c
}

// Base is the API's address.
func (c *CloudIdentity) Base() string { return c.URL + "/v1" }

// Key is the JSON key of the service account, as Google's console makes it.
func (c *CloudIdentity) Key() []byte { return c.KeyFor(c.URL + accountTokens) }

// KeyFor is the key with another token endpoint.
func (c *CloudIdentity) KeyFor(tokenURI string) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(c.account)
	if err != nil {
		panic(err) // a key that was just made
	}
	file, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "project", "client_email": serviceAccount, "private_key_id": "first",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": tokenURI,
	})
	if err != nil {
		panic(err)
	}
	return file
}

// Put says which groups an address is in.
func (c *CloudIdentity) Put(email string, groups ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.direct[email] = groups
}

// PutNested says which groups an address is in through others.
func (c *CloudIdentity) PutNested(email string, groups ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nested[email] = groups
}

// PageLen sets how many groups are on a page.
func (c *CloudIdentity) PageLen(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pageLen = n
}

// Answer lets a test answer the API's questions; false leaves it to the stand-in.
func (c *CloudIdentity) Answer(f func(w http.ResponseWriter, r *http.Request) (answered bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = f
}

// Token does the same for the token endpoint.
func (c *CloudIdentity) Token(f func(w http.ResponseWriter, r *http.Request) (answered bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = f
}

// Asked returns what was asked of the API, a line a page, and how many tokens were
// issued.
func (c *CloudIdentity) Asked() (questions []string, tokens int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.asked), len(c.tokens)
}

// ServeHTTP implements http.Handler.
func (c *CloudIdentity) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, api := strings.CutPrefix(r.URL.Path, groupsPath)
	c.mu.Lock()
	scripted := c.token
	if api {
		scripted = c.answer
		q := memberQuery().FindStringSubmatch(r.URL.Query().Get("query"))
		c.asked = append(c.asked, method+" "+strings.Join(q[min(1, len(q)):min(2, len(q))], ""))
	}
	c.mu.Unlock()
	if scripted != nil && scripted(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case api:
		c.search(w, r, method)
	case r.URL.Path == accountTokens:
		c.issue(w, r)
	default:
		Refuse(w, http.StatusNotFound, "not found")
	}
}

// Refuse answers as Google's APIs do. The message may quote what it likes.
func Refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Object{"error": Object{"code": status, "message": message}})
}

// issue is the token endpoint (RFC 7523 2.1).
func (c *CloudIdentity) issue(w http.ResponseWriter, r *http.Request) {
	if err := c.checkAssertion(r); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(Object{"error": "invalid_grant", "error_description": err.Error()})
		return
	}
	token := "canary-account-token-" + rand.Text()
	c.mu.Lock()
	c.tokens = append(c.tokens, token)
	c.mu.Unlock()
	_ = json.NewEncoder(w).Encode(Object{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
}

func (c *CloudIdentity) checkAssertion(r *http.Request) error {
	if r.Method != http.MethodPost || r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return errors.New("no JWT grant")
	}
	signed, err := jose.ParseSignedCompact(r.PostFormValue("assertion"), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return err
	}
	payload, err := signed.Verify(&c.account.PublicKey)
	if err != nil {
		return err
	}
	var claims struct {
		Iss, Sub, Aud, Scope string
		Iat, Exp             int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return err
	}
	now := time.Now().Unix()
	if claims.Iss != serviceAccount || claims.Sub != "" || claims.Scope != groupsScope || !strings.HasSuffix(claims.Aud, accountTokens) ||
		claims.Iat > now+60 || claims.Exp < now || claims.Exp > claims.Iat+3600 {
		return fmt.Errorf("claims %s", payload)
	}
	return nil
}

// memberQuery is the one form of a question that Google is known to take: a member, a
// label, and perhaps an organisation.
func memberQuery() *regexp.Regexp {
	return regexp.MustCompile(`^member_key_id == '((?:[^'\\]|\\')*)' && 'cloudidentity\.googleapis\.com/groups\.discussion_forum' in labels(?: && parent == 'customers/([^']*)')?$`)
}

// search answers searchDirectGroups and searchTransitiveGroups.
func (c *CloudIdentity) search(w http.ResponseWriter, r *http.Request, method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	q := memberQuery().FindStringSubmatch(r.URL.Query().Get("query"))
	size, err := strconv.Atoi(r.URL.Query().Get("pageSize"))
	switch {
	case !slices.Contains(c.tokens, token):
		Refuse(w, http.StatusUnauthorized, "Request had invalid authentication credentials.")
		return
	case r.Method != http.MethodGet || q == nil || err != nil || size < 1 || size > 1000:
		Refuse(w, http.StatusBadRequest, "Request contains an invalid argument.")
		return
	}
	email := strings.ReplaceAll(q[1], `\'`, "'")
	groups := slices.Clone(c.direct[email])
	switch method {
	case "searchDirectGroups":
	case "searchTransitiveGroups":
		if q[2] != c.Customer {
			// As for anybody with one group that the caller may not see.
			Refuse(w, http.StatusForbidden, "Error(4001): Permission denied for membership resource of "+email)
			return
		}
		groups = append(groups, c.nested[email]...)
	default:
		Refuse(w, http.StatusNotFound, "Method not found.")
		return
	}
	c.page(w, r, groups)
}

func (c *CloudIdentity) page(w http.ResponseWriter, r *http.Request, groups []string) {
	from := 0
	if at := r.URL.Query().Get("pageToken"); at != "" {
		n, err := fmt.Sscanf(at, "page+/=%d", &from)
		if n != 1 || err != nil || from > len(groups) {
			Refuse(w, http.StatusBadRequest, "Invalid page token.")
			return
		}
	}
	to := min(from+c.pageLen, len(groups))
	list := []Object{}
	for i, g := range groups[from:to] {
		list = append(list, Object{
			"group": "groups/0" + strconv.Itoa(from+i), "displayName": "Group of names", "groupKey": Object{"id": g},
			"labels": Object{"cloudidentity.googleapis.com/groups.discussion_forum": ""}, "relationType": "DIRECT",
		})
	}
	answer := Object{"memberships": list}
	if len(list) == 0 {
		answer = Object{} // as Google leaves empty lists out
	}
	if to < len(groups) {
		answer["nextPageToken"] = fmt.Sprintf("page+/=%d", to)
	}
	_ = json.NewEncoder(w).Encode(answer)
}
