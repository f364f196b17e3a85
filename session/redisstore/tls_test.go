package redisstore_test

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"flag"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"sidegate/session"
	"sidegate/session/sessiontest"
)

// TestMain makes the certificate of httptest's servers one that this process
// trusts, as the system's own certificates are. It is for 127.0.0.1 and not for
// localhost.
func TestMain(m *testing.M) {
	s := httptest.NewTLSServer(nil)
	pemData := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	s.Close()
	dir, err := os.MkdirTemp("", "redisstore")
	if err != nil {
		panic(err)
	}
	path := filepath.Join(dir, "trusted.pem")
	if err := os.WriteFile(path, pemData, 0o600); err != nil {
		panic(err)
	}
	os.Setenv("SSL_CERT_FILE", path)
	// Parallel tests here wait for servers, not for a processor.
	flag.Parse()
	flag.Set("test.parallel", "8")
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// tlsInFrontOf returns the host and port of a TLS server that forwards to url's.
func tlsInFrontOf(t *testing.T, url string) string {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	host := strings.TrimSuffix(strings.TrimPrefix(url, "redis://"), "/0")
	return serve(t, func(conn net.Conn) {
		outside := tls.Server(conn, &tls.Config{Certificates: s.TLS.Certificates})
		if outside.Handshake() != nil {
			return
		}
		inside, err := net.Dial("tcp", host)
		if err != nil {
			return
		}
		defer inside.Close()
		go io.Copy(outside, inside)
		io.Copy(inside, outside)
	})
}

func TestRedissWorksWithATrustedCertificate(t *testing.T) {
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		t.Skip("the system's certificates cannot be replaced here")
	}
	r := sessiontest.Redis(t)
	wantWorking(t, openPatient(t, "rediss://"+tlsInFrontOf(t, r.URL)))
	if got := r.Do("EXISTS", "sidegate:a"); got != "1" {
		t.Errorf("EXISTS sidegate:a = %s, want 1", got)
	}
}

func TestRedissRefusesACertificateForAnotherName(t *testing.T) {
	r := sessiontest.Redis(t)
	_, port, _ := net.SplitHostPort(tlsInFrontOf(t, r.URL))
	s := openPatient(t, "rediss://localhost:"+port)
	_, err := s.Get(t.Context(), "a")
	var refused *tls.CertificateVerificationError
	if !errors.As(err, &refused) {
		t.Errorf("Get = %v, want that the certificate is refused", err)
	}
}

func TestRedissDoesNotFallBackToPlainText(t *testing.T) {
	r := sessiontest.Redis(t)
	s := open(t, strings.Replace(r.URL, "redis:", "rediss:", 1))
	if _, err := s.Get(t.Context(), "a"); err == nil || errors.Is(err, session.ErrNone) {
		t.Errorf("Get from a server without TLS = %v, want a failure", err)
	}
}
