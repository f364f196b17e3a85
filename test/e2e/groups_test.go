package e2e

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidegate/login/logintest"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

// googleHosts are the names of Google's that sidegate asks.
func googleHosts() []string {
	return []string{"accounts.google.com", "oauth2.googleapis.com", "cloudidentity.googleapis.com"}
}

// google stands in for Google under its own names: a proxy that leads to a sign-in and
// a directory on this machine, with a certificate of a root that its clients trust.
type google struct {
	provider *logintest.Provider
	groups   *logintest.CloudIdentity
	proxy    *url.URL
	roots    string // a file
	client   http.Client
}

func startGoogle(t *testing.T, g *stage.Gate) *google {
	t.Helper()
	s := &google{provider: logintest.New(t), groups: logintest.NewCloudIdentity(t)}
	signIn, err := url.Parse(s.provider.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	s.provider.Issuer = "https://accounts.google.com"
	g.Settings["CLIENT_ID"], g.Settings["CLIENT_SECRET"] = s.provider.ClientID, s.provider.ClientSecret

	certificate, roots := certify(t, googleHosts())
	s.roots = filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(s.roots, roots, 0o600); err != nil {
		t.Fatal(err)
	}
	toSignIn := httputil.NewSingleHostReverseProxy(signIn)
	hosts := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "accounts.google.com" {
			toSignIn.ServeHTTP(w, r)
			return
		}
		s.groups.ServeHTTP(w, r)
	}))
	hosts.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	hosts.StartTLS()
	t.Cleanup(hosts.Close)
	s.proxy = connectProxy(t, hosts.Listener.Addr().String())

	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(roots)
	s.client.Transport = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Scheme == "https" {
				return s.proxy, nil
			}
			return nil, nil
		},
	}
	return s
}

// env has sidegate find this Google, and no other.
func (s *google) env() []string {
	return []string{"HTTPS_PROXY=" + s.proxy.String(), "SSL_CERT_FILE=" + s.roots}
}

// certify returns a certificate for the hosts, and its root as PEM.
func certify(t *testing.T, hosts []string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sidegate tests"}, DNSNames: hosts,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// connectProxy leads every CONNECT to one address, whatever name it asks for.
func connectProxy(t *testing.T, to string) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go tunnelTo(c, to)
		}
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String()}
}

func tunnelTo(c net.Conn, to string) {
	defer c.Close()
	in := bufio.NewReader(c)
	r, err := http.ReadRequest(in)
	if err != nil || r.Method != http.MethodConnect {
		return
	}
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer out.Close()
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(out, in)
		_ = out.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(c, out)
}

// member is somebody who signs in at this Google.
func (s *google) member(t *testing.T, email, hostedDomain string) *person {
	t.Helper()
	s.provider.Change(func(script *logintest.Script) {
		script.User = func(*http.Request) logintest.Object {
			o := logintest.Object{"sub": "sub-of-" + email, "email": email, "email_verified": true, "name": email}
			if hostedDomain != "" {
				o["hd"] = hostedDomain
			}
			return o
		}
	})
	p := newPerson(t)
	p.client.Transport = s.client.Transport
	return p
}

// toldApp is an app that answers with the groups and roles that it is told.
func toldApp(t *testing.T) string {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "groups "+r.Header.Get("X-User-Groups")+" roles "+r.Header.Get("X-User-Roles"))
	}))
	t.Cleanup(app.Close)
	return app.URL
}

// The real program, under Google's real names: people come in by their Google Groups,
// get roles by them, and lose both when Google says so.
func TestGoogleGroupsLetInAndGiveRoles(t *testing.T) {
	g := stage.NewGate(t, map[string]string{
		"UPSTREAM": toldApp(t), "ALLOWED_DOMAINS": "", "ALLOWED_GROUPS": "Staff@corp.example", "ALLOWED_EMAILS": "guest@gmail.com",
		"GROUPS_TTL": "2s",
	})
	s := startGoogle(t, g)
	dir := t.TempDir()
	key, roles := filepath.Join(dir, "key.json"), filepath.Join(dir, "roles")
	for path, text := range map[string]string{
		key:   string(s.groups.KeyFor("https://oauth2.googleapis.com/token")),
		roles: "# roles\nadmin: group:admins@corp.example\nviewer: @corp.example, group:staff@corp.example\nguest: guest@gmail.com\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.Settings["GOOGLE_GROUPS_JSON"], g.Settings["ROLES_FILE"] = key, roles
	s.groups.Put("ann@corp.example", "staff@corp.example", "admins@corp.example")
	s.groups.Put("eve@corp.example", "others@corp.example")
	s.groups.Put("partner@gmail.com", "staff@corp.example")
	s.groups.Put("former@corp.example", "staff@corp.example")
	s.groups.PageLen(1)
	g.Serve(t, s.env())

	var ann, guest *person
	for _, tt := range []struct {
		email, hd string
		status    int
		told      string
	}{
		{"ann@corp.example", "corp.example", 200, "groups admins@corp.example,staff@corp.example roles admin,viewer"},
		{"partner@gmail.com", "", 200, "groups staff@corp.example roles viewer"},
		{"guest@gmail.com", "", 200, "groups  roles guest"},
		{"eve@corp.example", "corp.example", 403, ""},
		{"stranger@gmail.com", "", 403, ""},
		{"former@corp.example", "", 403, ""}, // a consumer account that kept the address
	} {
		p := s.member(t, tt.email, tt.hd)
		got := p.get(g.URL + "/")
		if got.StatusCode != tt.status || tt.told != "" && got.body != tt.told {
			t.Errorf("%s: got %s %q, want %d %q", tt.email, got.Status, got.body, tt.status, tt.told)
		}
		switch tt.email {
		case "ann@corp.example":
			ann = p
		case "guest@gmail.com":
			guest = p
		}
	}
	// Google is down: who is in stays in, who needs no group too, and nobody else comes.
	s.groups.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		logintest.Refuse(w, http.StatusServiceUnavailable, "canary")
		return true
	})
	time.Sleep(3 * time.Second) // past the lifetime
	if got := ann.get(g.URL + "/"); !strings.HasSuffix(got.body, "roles admin,viewer") {
		t.Errorf("Google is down, ann: %s %q", got.Status, got.body)
	}
	if got := guest.get(g.URL + "/"); got.StatusCode != http.StatusOK {
		t.Errorf("Google is down, guest: %s", got.Status)
	}
	s.groups.Put("late@corp.example", "staff@corp.example")
	late := s.member(t, "late@corp.example", "corp.example")
	if got := late.get(g.URL + "/"); got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(got.body, "which groups you are in") {
		t.Errorf("Google is down, late: %s %s", got.Status, got.body)
	}
	s.groups.Answer(nil)
	late.eventuallyGets(g.URL+"/", http.StatusOK)

	s.groups.Put("ann@corp.example", "staff@corp.example")
	for giveUp := time.Now().Add(rig.Patience); ; time.Sleep(50 * time.Millisecond) {
		got := ann.get(g.URL + "/")
		if got.body == "groups staff@corp.example roles viewer" {
			break
		}
		if time.Now().After(giveUp) {
			t.Fatalf("ann was taken out of a group: %q", got.body)
		}
	}
	s.groups.Put("ann@corp.example")
	ann.eventuallyGets(g.URL+"/", http.StatusForbidden)

	// SEC-LEAK: what sidegate printed holds neither keys nor tokens.
	for _, secret := range []string{"canary", "PRIVATE KEY", "member_key_id"} {
		if strings.Contains(g.Output.String(), secret) {
			t.Errorf("sidegate printed %q", secret)
		}
	}
	if !strings.Contains(g.Output.String(), "the Cloud Identity API answered 503") {
		t.Error("the outage is not in the log")
	}
}

// The role map through the real program, for people of another provider with groups
// in a claim of its own.
func TestRolesByTheProvidersGroups(t *testing.T) {
	p := logintest.New(t)
	p.Change(func(s *logintest.Script) {
		s.IDToken = func(tok *logintest.IDToken) {
			delete(tok.Claims, "groups")
			tok.Claims["teams"] = []string{"/staff", "R&D, Łódź"}
		}
	})
	roles := filepath.Join(t.TempDir(), "roles")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(roles, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("lab: group:R&D%2C Łódź\nstaff: group:/staff\nnone: group:staff")
	g := stage.NewGate(t, map[string]string{
		"UPSTREAM": toldApp(t), "ISSUER": p.Issuer, "CLIENT_ID": p.ClientID, "CLIENT_SECRET": p.ClientSecret,
		"ALLOWED_DOMAINS": "", "ALLOWED_GROUPS": "/staff", "GROUPS_CLAIM": "teams", "ROLES_FILE": roles,
	})
	g.Serve(t, nil)
	alice := newPerson(t)
	if got := alice.get(g.URL + "/"); got.body != "groups /staff,R&D%2C%20%C5%81%C3%B3d%C5%BA roles lab,staff" {
		t.Errorf("got %s %q", got.Status, got.body)
	}
	var info struct{ Groups, Roles []string }
	if got := alice.get(g.URL + "/_gate/userinfo"); json.Unmarshal([]byte(got.body), &info) != nil || strings.Join(info.Roles, " ") != "lab staff" || len(info.Groups) != 2 {
		t.Errorf("userinfo: %s", got.body)
	}
	write("boss: alice@corp.example")
	changed := time.Now()
	for alice.get(g.URL+"/").body != "groups /staff,R&D%2C%20%C5%81%C3%B3d%C5%BA roles boss" {
		if time.Since(changed) > rig.Patience {
			t.Fatal("the changed role map does not count")
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("a changed role map counted after %v; five seconds are promised", time.Since(changed).Round(10*time.Millisecond))
	p.Change(func(s *logintest.Script) { s.IDToken = nil })
	if got := newPerson(t).get(g.URL + "/"); got.StatusCode != http.StatusForbidden {
		t.Errorf("without the claim: %s", got.Status)
	}
}
