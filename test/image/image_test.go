// Package image builds the container image from the Dockerfile and tries what it
// promises: no root, no shell, nothing writable needed, and healthy by its own
// word. It needs podman, and neither an engine that runs nor a registry: the
// build stage's base is made here, around this machine's Go.
package image

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sidegate/test/need"
	"sidegate/test/parts"
)

const (
	base  = "localhost/sidegate-build-base"
	image = "localhost/sidegate-under-test"
)

// podman runs podman with a storage of its own, which goes with the test.
type podman struct {
	t          *testing.T
	path, runc string
	dir        string
}

func newPodman(t *testing.T) *podman {
	t.Helper()
	runc := "/usr/sbin/runc" // Debian puts it where only root's PATH leads
	if _, err := os.Stat(runc); err != nil {
		runc = need.Program(t, "runc", "runc")
	}
	p := &podman{t, need.Program(t, "podman", "podman"), runc, t.TempDir()}
	if os.Geteuid() != 0 {
		// Without root the storage holds files of users that only podman can be.
		t.Cleanup(func() { p.do("unshare", "rm", "-r", "-f", p.dir) })
	}
	return p
}

func (p *podman) command(args ...string) *exec.Cmd {
	return exec.Command(p.path, append([]string{
		"--root", filepath.Join(p.dir, "root"), "--runroot", filepath.Join(p.dir, "run"),
		"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--runtime", p.runc,
	}, args...)...)
}

// try returns what podman answered, or its failure with its complaints. Podman
// warns about a good many things: warnings are no part of an answer.
func (p *podman) try(args ...string) (string, error) {
	var complaints strings.Builder
	cmd := p.command(args...)
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, complaints.String())
	}
	return strings.TrimSpace(string(out)), err
}

func (p *podman) do(args ...string) string {
	p.t.Helper()
	out, err := p.try(args...)
	if err != nil {
		p.t.Fatalf("podman %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// limits keeps podman from asking for more than a sandboxed machine may give.
func limits() []string {
	return []string{"--network", "host", "--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000"}
}

// build makes the image of the checkout's Dockerfile. Only the base of the build
// stage is ours: this machine's Go, module cache and build cache, as volumes.
func (p *podman) build() {
	p.t.Helper()
	root, err := parts.Checkout()
	if err != nil {
		p.t.Fatal(err)
	}
	p.buildBase()
	download := exec.Command("go", "mod", "download")
	download.Dir = root
	if out, err := download.CombinedOutput(); err != nil {
		p.t.Fatalf("go mod download: %v\n%s", err, out)
	}
	args := append([]string{"build", "--tag", image, "--format", "docker", "--build-arg", "BUILD_IMAGE=" + base}, limits()...)
	for name, at := range map[string]string{"GOROOT": "/usr/local/go", "GOMODCACHE": "/go/pkg/mod", "GOCACHE": "/gocache"} {
		args = append(args, "--volume", goEnv(p.t, name)+":"+at)
	}
	p.do(append(args, root)...)
}

func (p *podman) buildBase() {
	p.t.Helper()
	context := p.t.TempDir()
	certificates, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		p.t.Fatal(err)
	}
	const containerfile = `FROM scratch
COPY ca-certificates.crt /etc/ssl/certs/
COPY tmp /tmp/
ENV PATH=/usr/local/go/bin GOPATH=/go GOCACHE=/gocache GOTOOLCHAIN=local GOPROXY=off
`
	if err := os.Mkdir(filepath.Join(context, "tmp"), 0o755); err != nil {
		p.t.Fatal(err)
	}
	for name, content := range map[string][]byte{"Containerfile": []byte(containerfile), "ca-certificates.crt": certificates} {
		if err := os.WriteFile(filepath.Join(context, name), content, 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
	p.do("build", "--tag", base, context)
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatalf("go env %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// maxSize is what the image may have, in bytes.
const maxSize = 15 << 20

func TestImage(t *testing.T) {
	t.Parallel()
	p := newPodman(t)
	start := time.Now()
	p.build()
	t.Logf("built in %v", time.Since(start).Round(time.Second))
	size, err := strconv.Atoi(p.do("image", "inspect", "--format", "{{.Size}}", image))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("size: %d bytes", size)
	if size > maxSize {
		t.Errorf("the image has %d bytes, want at most %d", size, maxSize)
	}
	if out, err := p.try(append(append([]string{"run", "--rm"}, limits()...), image, "demo")...); err == nil || !strings.Contains(err.Error(), "the container image has no demo") {
		t.Errorf("demo in the image: %v %s", err, out)
	}

	if user := p.do("image", "inspect", "--format", "{{.Config.User}}", image); user != "65532:65532" {
		t.Errorf("user = %q, want a number that is not root's", user)
	}
	for _, shell := range []string{"/bin/sh", "sh", "/bin/bash"} {
		if out, err := p.try(append(append([]string{"run", "--rm", "--entrypoint", shell}, limits()...), image, "-c", "true")...); err == nil {
			t.Errorf("the image has a shell at %s: %s", shell, out)
		}
	}
	files := p.files()
	if want := []string{"etc/ssl/certs/ca-certificates.crt", "sidegate"}; strings.Join(files, " ") != strings.Join(want, " ") {
		t.Errorf("files = %q, want %q", files, want)
	}
	p.serves()
}

// files lists the regular files of the image.
func (p *podman) files() []string {
	p.t.Helper()
	id := p.do("create", image)
	defer p.do("rm", id)
	archive := filepath.Join(p.dir, "image.tar")
	p.do("export", "--output", archive, id)
	out, err := exec.Command("tar", "--list", "--file", archive).Output()
	if err != nil {
		p.t.Fatal(err)
	}
	var files []string
	for name := range strings.Lines(string(out)) {
		name = strings.TrimSpace(name)
		made := strings.HasPrefix(name, "dev/") || strings.HasPrefix(name, "proc/") || strings.HasPrefix(name, "sys/") || strings.HasPrefix(name, "run/")
		if !strings.HasSuffix(name, "/") && !made {
			files = append(files, name)
		}
	}
	return files
}

// serves runs the image as compose does: nothing writable, no capability.
func (p *podman) serves() {
	p.t.Helper()
	port, admin := freePort(p.t), freePort(p.t)
	args := append([]string{"run", "--detach", "--name", "sidegate", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"}, limits()...)
	for name, value := range map[string]string{
		"LISTEN":          fmt.Sprintf(":%d", port),
		"ADMIN_LISTEN":    fmt.Sprintf("127.0.0.1:%d", admin),
		"PUBLIC_URL":      fmt.Sprintf("http://localhost:%d", port),
		"UPSTREAM":        "http://127.0.0.1:9",
		"CLIENT_ID":       "id",
		"CLIENT_SECRET":   "secret",
		"ALLOWED_DOMAINS": "example.com",
	} {
		args = append(args, "--env", "SIDEGATE_"+name+"="+value)
	}
	p.do(append(args, image)...)
	defer p.do("rm", "--force", "--time", "15", "sidegate")

	var last error
	ok := false
	for giveUp := time.Now().Add(time.Minute); !ok && time.Now().Before(giveUp); time.Sleep(100 * time.Millisecond) {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/_gate/healthz", port))
		last = err
		if err == nil {
			resp.Body.Close()
			ok = resp.StatusCode == http.StatusOK
		}
	}
	if !ok {
		logs, _ := p.try("logs", "sidegate")
		p.t.Fatalf("the container does not serve: %v\n%s", last, logs)
	}
	if out, err := p.try("healthcheck", "run", "sidegate"); err != nil {
		p.t.Errorf("the image's own health check: %v\n%s", err, out)
	}
	if out, err := p.try("exec", "sidegate", "/sidegate", "version"); err != nil {
		p.t.Errorf("sidegate version: %v\n%s", err, out)
	}
	p.do("stop", "--time", "15", "sidegate")
	if code := p.do("inspect", "--format", "{{.State.ExitCode}}", "sidegate"); code != "0" {
		p.t.Errorf("exit code = %s, want 0", code)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
