package proxy_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sidegate/identity"
	"sidegate/proxy"
	"sidegate/session"
)

// payload returns what a JWT says, unverified.
func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	var said map[string]any
	if err == nil {
		err = json.Unmarshal(b, &said)
	}
	if err != nil {
		t.Fatalf("%q: %v", token, err)
	}
	return said
}

// jwks fetches the keys, as an app does: without a session.
func (g *rig) jwks(t *testing.T) jose.JSONWebKeySet {
	t.Helper()
	res, body := g.ask(t, message("GET", "/_gate/jwks.json"))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(body), &set); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("jwks.json: %s, %v: %s", res.Status, err, body)
	}
	return set
}

// assertion returns the one that the app receives.
func (g *rig) assertion(t *testing.T, cookie string) string {
	t.Helper()
	return g.reach(t, page(), cookie).get("X-User-Assertion")
}

// verify returns what a JWT says if one of the keys signed it.
func verify(t *testing.T, token string, set jose.JSONWebKeySet) (map[string]any, error) {
	t.Helper()
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, err
	}
	keys := set.Key(signed.Signatures[0].Header.KeyID)
	if len(keys) != 1 {
		return nil, fmt.Errorf("%d keys have that id", len(keys))
	}
	if _, err := signed.Verify(keys[0]); err != nil {
		return nil, err
	}
	return payload(t, token), nil
}

// SEC-HDR-16: what the app is handed is signed by a key that we publish, and says
// who it is about, for whom, and for how long.
func TestAssertionsSayWhoItIsAndAreSigned(t *testing.T) {
	g := start(t, setup{})
	before := time.Now().Unix()
	cookie := g.signIn(t, zoe())
	token := g.assertion(t, cookie)
	said, err := verify(t, token, g.jwks(t))
	if err != nil {
		t.Fatal(err)
	}
	issued, expires := int64(said["iat"].(float64)), int64(said["exp"].(float64))
	if issued < before || issued > time.Now().Unix() || expires != issued+300 {
		t.Errorf("iat %d, exp %d at %d", issued, expires, before)
	}
	delete(said, "iat")
	delete(said, "exp")
	want := map[string]any{
		"iss": "https://app.example", "aud": "https://app.example", "sub": "110169484474386276334", "idp": "https://accounts.google.com",
		"email": "zoe@app.example", "email_verified": true, "name": "Zoë Błażej", "picture": "https://pics.example/zoe.png",
		"groups": []any{"staff", "R&D, Łódź"},
	}
	if !reflect.DeepEqual(said, want) {
		t.Errorf("it says %v, want %v", said, want)
	}
	head, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if want := `{"alg":"ES256","kid":"` + g.jwks(t).Keys[0].KeyID + `","typ":"JWT"}`; string(head) != want {
		t.Errorf("its header is %s, want %s", head, want)
	}
	if got := g.reach(t, surface{name: "socket", socket: true}, cookie).get("X-User-Assertion"); got != token {
		t.Errorf("a WebSocket was told %q", got)
	}
}

// What is not known is not said; a false one never gets in (SEC-HDR-04, -16).
func TestAssertionsLeaveOutWhatIsNotKnown(t *testing.T) {
	g := start(t, setup{})
	id := identity.Identity{Issuer: "https://i.example", Subject: "s", Email: "alice@app.example", EmailVerified: true}
	got := g.reach(t, page(), g.signIn(t, id), "X-User-Assertion: e30.e30.", "x_user_assertion: e30.e30.").all("X-User-Assertion")
	if len(got) != 1 {
		t.Fatalf("the app was told %q", got)
	}
	said, err := verify(t, got[0], g.jwks(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, claim := range []string{"name", "picture", "groups"} {
		if v, ok := said[claim]; ok {
			t.Errorf("it says %s: %v", claim, v)
		}
	}
	if said["idp"] != "https://i.example" || said["sub"] != "s" {
		t.Errorf("it says %v", said)
	}
}

// SEC-HDR-16: no other bytes pass for an assertion.
func TestTamperedAssertionsDoNotVerify(t *testing.T) {
	g := start(t, setup{})
	token, keys := g.assertion(t, g.signIn(t, alice())), g.jwks(t)
	parts := strings.Split(token, ".")
	other := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"1002","iss":"https://app.example","aud":"https://app.example","exp":9999999999}`))
	for name, forged := range map[string]string{
		"another payload": parts[0] + "." + other + "." + parts[2],
		"no signature":    parts[0] + "." + parts[1] + ".",
		"alg none":        base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + other + ".",
		"another server's": func() string {
			g2 := start(t, setup{})
			if err := g2.keys.Replace(strings.Repeat("z", 32)); err != nil {
				t.Fatal(err)
			}
			return g2.assertion(t, g2.signIn(t, alice()))
		}(),
	} {
		if said, err := verify(t, forged, keys); err == nil {
			t.Errorf("%s: verified, and says %v", name, said)
		}
	}
}

func TestKeysAreForEverybodyAndHoldNothingPrivate(t *testing.T) {
	g := start(t, setup{})
	res, body := g.ask(t, message("GET", "/_gate/jwks.json"))
	for name, want := range map[string]string{
		"Content-Type": "application/jwk-set+json", "Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	var raw struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(body), &raw); err != nil || len(raw.Keys) != 1 {
		t.Fatalf("%v: %s", err, body)
	}
	key := raw.Keys[0]
	if key["kty"] != "EC" || key["crv"] != "P-256" || key["alg"] != "ES256" || key["use"] != "sig" || len(key) != 7 || key["d"] != "" {
		t.Errorf("published: %v", key)
	}
	sum, err := g.jwks(t).Keys[0].Thumbprint(crypto.SHA256)
	if err != nil || key["kid"] != base64.RawURLEncoding.EncodeToString(sum) {
		t.Errorf("kid %s is not the thumbprint, %v", key["kid"], err)
	}
	if res, body := g.ask(t, message("HEAD", "/_gate/jwks.json")); res.StatusCode != http.StatusOK || body != "" {
		t.Errorf("HEAD was answered %s %q", res.Status, body)
	}
	if res, _ := g.ask(t, message("POST", "/_gate/jwks.json", "Content-Length: 0")); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST was answered %s", res.Status)
	}
	g.app.wantNoHits(t)
}

// Replicas need no word with one another: the same secrets are the same keys.
func TestReplicasSignWithKeysThatAllPublish(t *testing.T) {
	a, b := start(t, setup{}), start(t, setup{})
	if said, err := verify(t, a.assertion(t, a.signIn(t, alice())), b.jwks(t)); err != nil || said["sub"] != "1001" {
		t.Errorf("what one replica signed, another's keys say of it: %v, %v", said, err)
	}
}

// FLT-27: a new secret signs at once, an older one is published as long as it is in
// force, and what a retired one has signed is worth nothing.
func TestKeysFollowTheSecrets(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	oldSecret, newSecret := strings.Repeat("k", 32), strings.Repeat("n", 32)
	first, oldKeys := g.assertion(t, cookie), g.jwks(t)

	if err := g.keys.Replace(newSecret, oldSecret, oldSecret); err != nil {
		t.Fatal(err)
	}
	second, both := g.assertion(t, cookie), g.jwks(t)
	if len(both.Keys) != 2 || both.Keys[1].KeyID != oldKeys.Keys[0].KeyID {
		t.Errorf("published: %v, want the new key and then %v", both.Keys, oldKeys.Keys)
	}
	for name, token := range map[string]string{"before": first, "after": second} {
		if _, err := verify(t, token, both); err != nil {
			t.Errorf("signed %s: %v", name, err)
		}
	}
	if _, err := verify(t, second, oldKeys); err == nil {
		t.Error("the new secret is in force, and the old one's key signs")
	}
	if err := g.keys.Replace(newSecret); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, first, g.jwks(t)); err == nil {
		t.Error("the old secret is retired, and its key published")
	}
}

// assertions returns Assertions whose clock the test sets.
func assertions(t *testing.T) (*proxy.Assertions, *time.Time) {
	t.Helper()
	keys, err := session.NewKeys(strings.Repeat("k", 32))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	a, err := proxy.NewAssertions("https://app.example", keys, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return a, &now
}

// An assertion is used again for a minute at most, so that four are left of it; a
// clock that was set back brings none from the future.
func TestAssertionsAreUsedAgainForAMinute(t *testing.T) {
	a, now := assertions(t)
	first := a.For(alice())
	*now = now.Add(40 * time.Second)
	if a.For(alice()) != first {
		t.Error("it was signed again within the minute")
	}
	bob := alice()
	bob.Subject = "1002"
	bobs := a.For(bob)
	for range 200 { // whenever it was signed
		*now = now.Add(time.Second)
		for _, token := range []string{a.For(alice()), a.For(bob)} {
			if left := time.Duration(payload(t, token)["exp"].(float64))*time.Second - time.Duration(now.Unix())*time.Second; left < 4*time.Minute || left > 5*time.Minute {
				t.Fatalf("an app gets an assertion that is valid for %v", left)
			}
		}
	}
	if a.For(alice()) == first || a.For(bob) == bobs {
		t.Error("it was not signed again")
	}
	*now = now.Add(-time.Hour)
	if iat := int64(payload(t, a.For(alice()))["iat"].(float64)); iat > now.Unix() {
		t.Errorf("it was issued %d s in the future", iat-now.Unix())
	}
}

// Nobody gets another's assertion, and whoever has changed gets a new one.
func TestAssertionsAreNeverAnothers(t *testing.T) {
	a, _ := assertions(t)
	for name, change := range map[string]func(*identity.Identity){
		"a subject":      func(id *identity.Identity) { id.Subject = "1002" },
		"a provider":     func(id *identity.Identity) { id.Issuer = "https://other.example" },
		"an e-mail":      func(id *identity.Identity) { id.Email = "bob@app.example" },
		"a verification": func(id *identity.Identity) { id.EmailVerified = false },
		"a name":         func(id *identity.Identity) { id.Name = "Bob" },
		"a picture":      func(id *identity.Identity) { id.Picture = "https://pics.example/b.png" },
		"a group more":   func(id *identity.Identity) { id.Groups = append(id.Groups, "admins") },
		"a group less":   func(id *identity.Identity) { id.Groups = id.Groups[:1] },
		"a group":        func(id *identity.Identity) { id.Groups = []string{"staff", "c"} },
		"no group":       func(id *identity.Identity) { id.Groups = nil },
		"a role":         func(id *identity.Identity) { id.Roles = []string{"admin"} },
		"no roles":       func(id *identity.Identity) { id.Roles = nil },
	} {
		usual := alice()
		usual.Roles = []string{"editor"}
		id := usual
		change(&id)
		for _, who := range []identity.Identity{usual, id, id, usual} {
			said := payload(t, a.For(who))
			told, _ := said["groups"].([]any)
			roles, _ := said["roles"].([]any)
			if said["sub"] != who.Subject || said["idp"] != who.Issuer || said["email"] != who.Email || said["email_verified"] != who.EmailVerified ||
				said["name"] != who.Name || said["picture"] != who.Picture || fmt.Sprint(told) != fmt.Sprint(who.Groups) || fmt.Sprint(roles) != fmt.Sprint(who.Roles) {
				t.Errorf("%s differs: of %+v it says %v", name, who, said)
			}
		}
	}
	if got := a.For(identity.Identity{Email: "alice@app.example"}); got != "" {
		t.Errorf("nobody got %q", got)
	}
	if got := (*proxy.Assertions)(nil).For(alice()); got != "" {
		t.Errorf("without keys: %q", got)
	}
}

// Requests come at once, and secrets change under them.
func TestManyAssertionsAtOnce(t *testing.T) {
	keys, err := session.NewKeys(strings.Repeat("k", 32))
	if err != nil {
		t.Fatal(err)
	}
	a, err := proxy.NewAssertions("https://app.example", keys, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			id := alice()
			for i := range 50 {
				id.Subject = fmt.Sprint(i % 3)
				if said := payload(t, a.For(id)); said["sub"] != id.Subject {
					t.Errorf("of %s it says %v", id.Subject, said)
				}
				if n == 0 {
					if err := keys.Replace(strings.Repeat(string(rune('a'+i%26)), 32), strings.Repeat("k", 32)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
}
