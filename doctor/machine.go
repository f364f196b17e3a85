package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// Listener is an address that sidegate is to listen on.
type Listener struct {
	Setting string // its variable
	Addr    string
}

// Listening looks whether sidegate could listen there. running: it does so already.
func Listening(running bool, all ...Listener) Finding {
	var addrs []string
	for _, l := range all {
		addrs = append(addrs, l.Addr)
		if running {
			continue
		}
		open, err := net.Listen("tcp", l.Addr)
		if err != nil {
			return cannotListen(l, err)
		}
		open.Close()
	}
	if running {
		return Good("sidegate is running here, at %s", strings.Join(addrs, " and "))
	}
	return Good("%s are free", strings.Join(addrs, " and "))
}

func cannotListen(l Listener, err error) Finding {
	_, port, _ := net.SplitHostPort(l.Addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return Bad(fmt.Sprintf("port %s is taken by another program, and no sidegate answers at SIDEGATE_ADMIN_LISTEN", port),
			fmt.Sprintf("Stop that program (ss -ltnp 'sport = :%s' names it), or choose another port: %s=127.0.0.1:PORT", port, l.Setting))
	case errors.Is(err, syscall.EACCES):
		return Bad("this user may not listen on port "+port,
			"Choose a port above 1023 and have a proxy or the system pass on to it: "+l.Setting+"=127.0.0.1:8080")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return Bad(l.Addr+" is no address of this machine", "Use 127.0.0.1, or :"+port+" for all addresses: "+l.Setting+"=127.0.0.1:"+port)
	}
	return Bad(fmt.Sprintf("sidegate could not listen at %s: %v", l.Addr, innermost(err)), "Check "+l.Setting+".")
}

// SecretFile is a file with something in it that others must not read.
type SecretFile struct {
	Setting string // that names it
	Path    string
}

// Private looks whether others on this machine may read or write the files. Those that
// are not there are somebody else's trouble.
func Private(files []SecretFile) []Finding {
	var open []Finding
	found := 0
	for _, f := range files {
		info, err := os.Stat(f.Path)
		if errors.Is(err, fs.ErrNotExist) || err != nil {
			continue
		}
		found++
		if mode := info.Mode().Perm(); info.Mode().IsRegular() && mode&0o077 != 0 && !mounted(f.Path) {
			open = append(open, Beware(fmt.Sprintf("%s (%s) is open to others on this machine: mode %04o", f.Path, f.Setting, mode),
				"Close it: chmod 600 "+f.Path))
		}
	}
	switch {
	case len(open) > 0:
		return open
	case found == 0:
		return []Finding{Good("no secret stands in a file")}
	}
	return []Finding{Good("%s with secrets, closed to others", counted(found, "file"))}
}

// mounted reports a secret that a container's runtime has put there, with a mode of its
// choice, where nobody else is.
func mounted(path string) bool {
	return strings.HasPrefix(path, "/run/secrets/") || strings.HasPrefix(path, "/var/run/secrets/")
}
