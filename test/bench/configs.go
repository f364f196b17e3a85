package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The others run with what their manuals say for the job, in as few lines as that
// takes: connections to the app are kept, WebSockets pass, each request makes a line in
// a log, as with sidegate. Where they do not follow the number of processors by
// themselves they are told to.

// config writes a configuration file and returns its path.
func (s *site) config(name, text string) (string, error) {
	path := filepath.Join(s.dir, name+".conf")
	return path, os.WriteFile(path, []byte(text), 0o644)
}

func (s *site) appAddr() string { return strings.TrimPrefix(s.appURL, "http://") }

const nginxConf = `
user %[1]s;
worker_processes auto;
worker_rlimit_nofile 20000;
pid %[2]s/nginx.pid;
error_log %[2]s/nginx.error.log;
events { worker_connections 8192; }
http {
	access_log %[2]s/nginx.access.log;
	client_body_temp_path %[2]s/nginx-body;
	proxy_temp_path %[2]s/nginx-proxy;
	fastcgi_temp_path %[2]s/nginx-fastcgi;
	uwsgi_temp_path %[2]s/nginx-uwsgi;
	scgi_temp_path %[2]s/nginx-scgi;
	keepalive_requests 1000000;
	map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
	upstream app { server %[3]s; keepalive 256; keepalive_requests 1000000; }
	server {
		listen %[4]s;
		location / {
			proxy_pass http://app;
			proxy_http_version 1.1;
			proxy_set_header Host $http_host;
			proxy_set_header X-Forwarded-For $remote_addr;
			proxy_set_header X-Forwarded-Proto $scheme;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $connection_upgrade;
			proxy_max_temp_file_size 0;
			proxy_read_timeout 1h;
		}
	}
}
`

func (s *site) nginx(c *candidate) error {
	c.title = "nginx, no sign-in"
	path, err := program("nginx", "nginx")
	if err != nil {
		return err
	}
	conf, err := s.config(c.name, fmt.Sprintf(nginxConf, user("root"), s.dir, s.appAddr(), c.addr()))
	c.launch = func() (*process, error) {
		return start(s.dir, c.name, nil, path, "-c", conf, "-e", "stderr", "-g", "daemon off;")
	}
	return err
}

// user is whom a program that wants to be told becomes: nobody else.
func user(root string) string {
	if os.Geteuid() == 0 {
		return root
	}
	return "nobody" // who is not root stays who they are
}

const haproxyConf = `
global
	maxconn 8192
	log stdout format raw local0 info
defaults
	mode http
	log global
	option httplog
	option forwardfor
	http-reuse always
	timeout connect 5s
	timeout client 60s
	timeout server 60s
	timeout tunnel 1h
listen bench
	bind %s
	server app %s
`

func (s *site) haproxy(c *candidate) error {
	c.title = "HAProxy, no sign-in"
	path, err := program("haproxy", "haproxy")
	if err != nil {
		return err
	}
	conf, err := s.config(c.name, fmt.Sprintf(haproxyConf, c.addr(), s.appAddr()))
	c.launch = func() (*process, error) { return start(s.dir, c.name, nil, path, "-db", "-f", conf) }
	return err
}

// apacheConf has threads for a thousand WebSockets: each keeps one. Those that are there
// stay, or a round would find some of them ending.
const apacheConf = `
ServerRoot %[1]s
DefaultRuntimeDir %[1]s
PidFile %[1]s/%[2]s.pid
ServerName 127.0.0.1
%[3]s
%[4]s
Listen %[5]s
ErrorLog %[1]s/%[2]s.error.log
LogFormat "%%h %%l %%u %%t \"%%r\" %%>s %%O \"%%{Referer}i\" \"%%{User-Agent}i\"" combined
CustomLog %[1]s/%[2]s.access.log combined
StartServers 2
ThreadsPerChild 64
MaxSpareThreads 2048
ServerLimit 32
MaxRequestWorkers 2048
MaxConnectionsPerChild 0
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
Timeout 3600
OIDCProviderMetadataURL %[6]s/.well-known/openid-configuration
OIDCClientID sidegate-demo
OIDCClientSecret %[7]s
OIDCRedirectURI %[8]s/_oidc/callback
OIDCCryptoPassphrase %[9]s
OIDCScope "openid email profile"
OIDCPKCEMethod S256
OIDCRemoteUserClaim email
OIDCStateMaxNumberOfCookies 100 true
%[10]s
<Location />
	AuthType openid-connect
	Require claim email~^[^@]+@example\.com$
</Location>
ProxyPreserveHost On
ProxyPass / http://%[11]s/ upgrade=websocket keepalive=On
`

func (s *site) apache(ctx context.Context, c *candidate) error {
	c.gate, c.title = true, "Apache with mod_auth_openidc"
	path, err := program("apache2", "apache2-bin")
	if err != nil {
		return err
	}
	cache := "OIDCCacheType shm\nOIDCCacheShmMax 10000"
	if c.name == "apache-redis" {
		c.title += ", sessions in Redis"
		r, err := s.redis(ctx, &s.other, "redis of Apache")
		if err != nil {
			return err
		}
		cache, c.store = "OIDCCacheType redis\nOIDCRedisCacheServer "+r.addr, []int{r.pid()}
	}
	modules, err := apacheModules()
	if err != nil {
		return err
	}
	idp, err := s.provider(ctx, c.name, c.url+"/_oidc/callback")
	if err != nil {
		return err
	}
	runAs := ""
	if os.Geteuid() == 0 { // it refuses to serve as root
		runAs = "User www-data\nGroup www-data"
	}
	conf, err := s.config(c.name, fmt.Sprintf(apacheConf, s.dir, c.name, modules, runAs, c.addr(),
		idp.issuer, idp.secret, c.url, rand.Text(), cache, s.appAddr()))
	c.launch = func() (*process, error) { return start(s.dir, c.name, nil, path, "-f", conf, "-D", "FOREGROUND") }
	return err
}

// apacheModules are the lines that load what the configuration needs.
func apacheModules() (string, error) {
	const folder = "/usr/lib/apache2/modules"
	var lines strings.Builder
	for _, name := range []string{"mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc", "proxy", "proxy_http"} {
		path := filepath.Join(folder, "mod_"+name+".so")
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s is missing: apt-get install libapache2-mod-auth-openidc, or leave it out with -only", path)
		}
		fmt.Fprintf(&lines, "LoadModule %s_module %s\n", name, path)
	}
	return lines.String(), nil
}
