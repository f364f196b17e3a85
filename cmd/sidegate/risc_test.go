package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// riscAPI stands in for Google's RISC API: it checks who calls, and remembers
// what was asked.
type riscAPI struct {
	*httptest.Server
	key *rsa.PrivateKey

	mu     sync.Mutex
	asked  []string // method, path and body
	refuse int      // a status to refuse with
}

func newRISCAPI(t *testing.T) *riscAPI {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	a := &riscAPI{key: key}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *riscAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.Method+" "+r.URL.Path+" "+string(body))
	w.Header().Set("Content-Type", "application/json")
	if err := a.checkCaller(r.Header.Get("Authorization")); err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":{"code":401,"message":%q}}`, err)
		return
	}
	if a.refuse != 0 {
		w.WriteHeader(a.refuse)
		fmt.Fprintf(w, `{"error":{"code":%d,"message":"refused\nby the stand-in","status":"PERMISSION_DENIED"}}`, a.refuse)
		return
	}
	switch r.URL.Path {
	case "/v1beta/stream":
		io.WriteString(w, `{"delivery":{"delivery_method":"push","url":"https://app.example.com/_gate/risc"}}`)
	case "/v1beta/stream/status":
		io.WriteString(w, `{"status":"enabled"}`)
	default:
		io.WriteString(w, `{}`)
	}
}

// checkCaller checks the service account's own token, as Google describes it.
func (a *riscAPI) checkCaller(authorization string) error {
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	parts := strings.Split(token, ".")
	if !ok || len(parts) != 3 {
		return errors.New("no token")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&a.key.PublicKey, crypto.SHA256, digest[:], signature); err != nil {
		return err
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claims struct{ Iss, Sub, Aud string }
	if err := json.Unmarshal(payload, &claims); err != nil {
		return err
	}
	if claims.Iss != "risc@project.iam.example" || claims.Sub != claims.Iss ||
		claims.Aud != "https://risc.googleapis.com/google.identity.risc.v1beta.RiscManagementService" {
		return fmt.Errorf("claims %s", payload)
	}
	return nil
}

// credentials writes the service account's key file and names it as Google's
// tools do.
func (a *riscAPI) credentials(t *testing.T) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		t.Fatal(err)
	}
	file, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "risc@project.iam.example", "private_key_id": "first",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": "https://oauth2.googleapis.com/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(keyVariable, path)
}

// run runs one risc command against the stand-in.
func (a *riscAPI) run(t *testing.T, what string) (out string, err error) {
	t.Helper()
	a.mu.Lock()
	a.asked = nil
	a.mu.Unlock()
	var o, e output
	err = riscCommand(t.Context(), what, a.URL+"/v1beta", streams{&o, &e})
	return o.String() + e.String(), err
}

func TestRISCCommandsSpeakGooglesLanguage(t *testing.T) {
	a := newRISCAPI(t)
	a.credentials(t)
	settings(t, "PUBLIC_URL=https://app.example.com")
	out, err := a.run(t, "register")
	if err != nil || !strings.Contains(out, "https://app.example.com/_gate/risc") {
		t.Errorf("register: %v, %s", err, out)
	}
	request, ok := strings.CutPrefix(strings.Join(a.asked, "\n"), "POST /v1beta/stream:update ")
	var update struct {
		Delivery struct {
			Method string `json:"delivery_method"`
			URL    string `json:"url"`
		} `json:"delivery"`
		Events []string `json:"events_requested"`
	}
	if err := json.Unmarshal([]byte(request), &update); !ok || err != nil || update.Delivery.URL != "https://app.example.com/_gate/risc" ||
		update.Delivery.Method != "https://schemas.openid.net/secevent/risc/delivery-method/push" || len(update.Events) != 7 {
		t.Errorf("register asked %q, %v", a.asked, err)
	}
	for _, name := range []string{"risc/event-type/sessions-revoked", "risc/event-type/account-disabled", "oauth/event-type/tokens-revoked", "risc/event-type/verification"} {
		if !strings.Contains(request, "https://schemas.openid.net/secevent/"+name) {
			t.Errorf("%s was not asked for", name)
		}
	}

	out, err = a.run(t, "verify")
	_, state, _ := strings.Cut(strings.TrimSpace(out), "state ")
	if err != nil || len(a.asked) != 1 || a.asked[0] != `POST /v1beta/stream:verify {"state":"`+state+`"}` || state == "" {
		t.Errorf("verify: %v, %s, asked %q", err, out, a.asked)
	}

	out, err = a.run(t, "status")
	if err != nil || !strings.Contains(out, "enabled") || !strings.Contains(out, "https://app.example.com/_gate/risc") {
		t.Errorf("status: %v, %s", err, out)
	}
}

// Each failure says in one line what to do.
func TestRISCCommandsSayWhatIsMissing(t *testing.T) {
	a := newRISCAPI(t)
	dir := t.TempDir()
	half := filepath.Join(dir, "half.json")
	if err := os.WriteFile(half, []byte(`{"type":"authorized_user","private_key":"canary-private-key"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		credentials string // empty: good ones
		public      string
		refuse      int
		want        []string
	}{
		"no credentials":   {"-", "https://app.example.com", 0, []string{keyVariable, "roles/riscconfigs.admin"}},
		"no such file":     {filepath.Join(dir, "none.json"), "https://app.example.com", 0, []string{keyVariable, "cannot be read"}},
		"another file":     {half, "https://app.example.com", 0, []string{keyVariable, "not the JSON key of a service account"}},
		"http":             {"", "http://localhost:8080", 0, []string{"SIDEGATE_PUBLIC_URL", "https"}},
		"a path":           {"", "https://app.example.com/app", 0, []string{"SIDEGATE_PUBLIC_URL"}},
		"no role":          {"", "https://app.example.com", 403, []string{"403", "Enable the RISC API", "roles/riscconfigs.admin", "refused by the stand-in"}},
		"domain not ours":  {"", "https://app.example.com", 400, []string{"400", "authorised domains"}},
		"no stream":        {"", "https://app.example.com", 404, []string{"404", "risc register"}},
		"something else":   {"", "https://app.example.com", 500, []string{"500", "refused by the stand-in"}},
		"a key of another": {"stranger", "https://app.example.com", 0, []string{"401", "key still valid"}},
	} {
		t.Run(name, func(t *testing.T) {
			settings(t, "PUBLIC_URL="+tt.public)
			switch tt.credentials {
			case "":
				a.credentials(t)
			case "-":
				t.Setenv(keyVariable, "")
			case "stranger":
				newRISCAPI(t).credentials(t)
			default:
				t.Setenv(keyVariable, tt.credentials)
			}
			a.refuse = tt.refuse
			out, err := a.run(t, "register")
			if err == nil || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "canary") || out != "" {
				t.Fatalf("got %v, %q; want one line", err, out)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v: does not say %q", err, want)
				}
			}
		})
	}
	a.credentials(t)
	a.Close()
	if _, err := a.run(t, "status"); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestRISCCommandTakesOneWord(t *testing.T) {
	for _, args := range [][]string{{"risc"}, {"risc", "rgister"}, {"risc", "register", "now"}} {
		if code, _, err := do(args...); code != 2 || !strings.Contains(err, "sidegate risc register") {
			t.Errorf("%v: code %d, %q", args, code, err)
		}
	}
	t.Setenv(keyVariable, "")
	if code, _, err := do("risc", "status"); code != 1 || !strings.Contains(err, keyVariable) {
		t.Errorf("without credentials: code %d, %q", code, err)
	}
}
