package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// faultCase is one mistake over the minimal settings.
type faultCase struct {
	set  []string // name, value, …
	name string   // the setting that must be named
	want string   // part of the line
}

func urlFaults() []faultCase { return slices.Concat(upstreamFaults(), publicFaults(), originFaults()) }

func upstreamFaults() []faultCase {
	return []faultCase{
		{[]string{"UPSTREAM", ""}, "UPSTREAM", "is not set"},
		{[]string{"UPSTREAM", "localhost:8501"}, "UPSTREAM", "http:// or https://"},
		{[]string{"UPSTREAM", "127.0.0.1:8501"}, "UPSTREAM", "is not a URL"},
		{[]string{"UPSTREAM", "http://u:" + strong + "@app:80"}, "UPSTREAM", "user name or password"},
		{[]string{"UPSTREAM", "http://u:" + strong + "@app:x"}, "UPSTREAM", "is not a URL"},
		{[]string{"UPSTREAM", "http://app/base"}, "UPSTREAM", "must not have a path"},
		{[]string{"UPSTREAM", "http://app?"}, "UPSTREAM", "query"},
		{[]string{"UPSTREAM", "http://app?x=" + strong}, "UPSTREAM", "query"},
		{[]string{"UPSTREAM", "http://app#"}, "UPSTREAM", "fragment"},
		{[]string{"UPSTREAM", "http://:80"}, "UPSTREAM", "has no host"},
		{[]string{"UPSTREAM", "http://app:0"}, "UPSTREAM", "port"},
		{[]string{"UPSTREAM", "http://app:65536"}, "UPSTREAM", "port"},
		{[]string{"UPSTREAM", "unix:app.sock"}, "UPSTREAM", "absolute path"},
		{[]string{"UPSTREAM", "unix:/run/"}, "UPSTREAM", "absolute path"},
		{[]string{"UPSTREAM", "http://localhost:8080"}, "UPSTREAM", "own listener"},
		{[]string{"UPSTREAM", "http://127.0.0.1:8080", "LISTEN", ":8080"}, "UPSTREAM", "own listener"},
		{[]string{"UPSTREAM", "http://[::1]", "LISTEN", "[::]:80"}, "UPSTREAM", "own listener"},
		{[]string{"UPSTREAM", "https://localhost", "LISTEN", "localhost:443"}, "UPSTREAM", "own listener"},
	}
}

func publicFaults() []faultCase {
	return []faultCase{
		{[]string{"PUBLIC_URL", "http://app.example.com"}, "PUBLIC_URL", "cookie would travel in clear"},
		{[]string{"PUBLIC_URL", "http://localhost.example.com"}, "PUBLIC_URL", "has to be https"},
		{[]string{"PUBLIC_URL", "http://128.0.0.1"}, "PUBLIC_URL", "has to be https"},
		{[]string{"PUBLIC_URL", "https://app.example.com/base"}, "PUBLIC_URL", "must not have a path"},
		{[]string{"PUBLIC_URL", "https://u:" + strong + "@app.example.com"}, "PUBLIC_URL", "user name"},
		{[]string{"PUBLIC_URL", "https://bücher.example.com"}, "PUBLIC_URL", "xn--"},
		{[]string{"PUBLIC_URL", "https://app.example.com."}, "PUBLIC_URL", "neither a name"},
		{[]string{"PUBLIC_URL", "https://-a.example.com"}, "PUBLIC_URL", "neither a name"},
		{[]string{"PUBLIC_URL", "https://a-.example.com"}, "PUBLIC_URL", "neither a name"},
		{[]string{"PUBLIC_URL", "https://a..example.com"}, "PUBLIC_URL", "neither a name"},
		{[]string{"PUBLIC_URL", "https://" + strings.Repeat("a", 64) + ".com"}, "PUBLIC_URL", "neither a name"},
		{[]string{"PUBLIC_URL", "https://" + strings.Repeat("a.", 126) + "com"}, "PUBLIC_URL", "neither a name"},
		{[]string{"PUBLIC_URL", "https://127.1"}, "PUBLIC_URL", "neither a name"},
		{[]string{"PUBLIC_URL", "https://0x7f000001"}, "PUBLIC_URL", "neither a name"},
		{[]string{"PUBLIC_URL", "https://[fe80::1%25eth0]"}, "PUBLIC_URL", "neither a name"},
		{[]string{"PUBLIC_URL", "https://10.0.0.1"}, "PUBLIC_URL", "IP address, which Google refuses"},
		{[]string{"PUBLIC_URL", "https://myserver"}, "PUBLIC_URL", "no public top-level domain"},
		{[]string{"PUBLIC_URL", "https://nas.local"}, "PUBLIC_URL", "no public top-level domain"},
		{[]string{"PUBLIC_URL", "https://app.corp.internal"}, "PUBLIC_URL", "no public top-level domain"},
		{[]string{"PUBLIC_URL", "https://x.googleusercontent.com"}, "PUBLIC_URL", "googleusercontent"},
	}
}

func originFaults() []faultCase {
	return []faultCase{
		{[]string{"ISSUER", "idp.example.com"}, "ISSUER", "http:// or https://"},
		{[]string{"ISSUER", "http://idp.example.com"}, "ISSUER", "has to be https"},
		{[]string{"ISSUER", "https://idp.example.com?x"}, "ISSUER", "query"},
		{[]string{"ISSUER", "https://u:" + strong + "@idp.example.com"}, "ISSUER", "password"},
		{[]string{"ISSUER", GoogleIssuer + "/"}, "ISSUER", "not as Google writes it"},
		{[]string{"ISSUER", "https://Accounts.Google.com"}, "ISSUER", "not as Google writes it"},
		{[]string{"ISSUER", "https://a.example/.well-known/openid-configuration"}, "ISSUER", "discovery document"},
		{[]string{"ALLOWED_ORIGINS", "null"}, "ALLOWED_ORIGINS", "is null"},
		{[]string{"ALLOWED_ORIGINS", "https://*.example.com"}, "ALLOWED_ORIGINS", "wildcard"},
		{[]string{"ALLOWED_ORIGINS", "*"}, "ALLOWED_ORIGINS", "wildcard"},
		{[]string{"ALLOWED_ORIGINS", "https://a.example/"}, "ALLOWED_ORIGINS", "slash at the end"},
		{[]string{"ALLOWED_ORIGINS", "https://a.example/x"}, "ALLOWED_ORIGINS", "path"},
		{[]string{"ALLOWED_ORIGINS", "https://a.example,http://b.example"}, "ALLOWED_ORIGINS", "number 2): it has to be https"},
		{[]string{"ALLOWED_ORIGINS", "https://u:" + strong + "@a.example"}, "ALLOWED_ORIGINS", "password"},
		{[]string{"ALLOWED_ORIGINS", "a.example"}, "ALLOWED_ORIGINS", "https://"},
	}
}

func accessFaults() []faultCase {
	return []faultCase{
		{[]string{"ALLOWED_DOMAINS", ""}, "ALLOWED_DOMAINS", "nobody could sign in"},
		{[]string{"ALLOWED_DOMAINS", "  "}, "ALLOWED_DOMAINS", "only blanks"},
		{[]string{"ALLOWED_DOMAINS", " , ,"}, "ALLOWED_DOMAINS", "without an entry"},
		{[]string{"ALLOWED_DOMAINS", "  ", "ALLOWED_EMAILS", "a@b.example"}, "ALLOWED_DOMAINS", "only blanks"},
		{[]string{"ALLOWED_DOMAINS", "*"}, "ALLOWED_DOMAINS", "SIDEGATE_ALLOW_ANYONE=true"},
		{[]string{"ALLOWED_DOMAINS", "*.example.com"}, "ALLOWED_DOMAINS", "no wildcards"},
		{[]string{"ALLOWED_DOMAINS", "a@example.com"}, "ALLOWED_DOMAINS", "SIDEGATE_ALLOWED_EMAILS"},
		{[]string{"ALLOWED_DOMAINS", "bücher.example"}, "ALLOWED_DOMAINS", "xn--"},
		{[]string{"ALLOWED_DOMAINS", "corp.сom"}, "ALLOWED_DOMAINS", "xn--"}, // a Cyrillic с
		{[]string{"ALLOWED_DOMAINS", "example"}, "ALLOWED_DOMAINS", "not a domain"},
		{[]string{"ALLOWED_DOMAINS", "my_co.example"}, "ALLOWED_DOMAINS", "not a domain"},
		{[]string{"ALLOWED_DOMAINS", "@"}, "ALLOWED_DOMAINS", "not a domain"},
		{[]string{"ALLOWED_DOMAINS", "https://example.com"}, "ALLOWED_DOMAINS", `"https://example.com", which is not a domain`},
		{[]string{"ALLOWED_DOMAINS", "a.example b.example"}, "ALLOWED_DOMAINS", "not a domain"},
		{[]string{"ALLOWED_DOMAINS", "10.0.0.1"}, "ALLOWED_DOMAINS", "not a domain"},
		{[]string{"ALLOWED_DOMAINS", "Gmail.com"}, "ALLOWED_DOMAINS", "no hd claim"},
		{[]string{"ALLOWED_DOMAINS", "googlemail.com", "DOMAIN_CLAIM", "email"}, "ALLOWED_DOMAINS", "no hd claim"},
		{[]string{"ALLOWED_DOMAINS", "http://u:" + strong + "@x"}, "ALLOWED_DOMAINS", "an entry"},
		{[]string{"ALLOWED_EMAILS", ","}, "ALLOWED_EMAILS", "without an entry"},
		{[]string{"ALLOWED_EMAILS", "example.com"}, "ALLOWED_EMAILS", "SIDEGATE_ALLOWED_DOMAINS"},
		{[]string{"ALLOWED_EMAILS", "@example.com"}, "ALLOWED_EMAILS", "SIDEGATE_ALLOWED_DOMAINS"},
		{[]string{"ALLOWED_EMAILS", "*@example.com"}, "ALLOWED_EMAILS", "SIDEGATE_ALLOWED_DOMAINS"},
		{[]string{"ALLOWED_EMAILS", "a@b@example.com"}, "ALLOWED_EMAILS", `"a@b@example.com", which is not an address`},
		{[]string{"ALLOWED_EMAILS", "a@"}, "ALLOWED_EMAILS", "not an address"},
		{[]string{"ALLOWED_EMAILS", "ann"}, "ALLOWED_EMAILS", "not an address"},
		{[]string{"ALLOWED_EMAILS", "a b@example.com"}, "ALLOWED_EMAILS", "not an address"},
		{[]string{"ALLOWED_EMAILS", "a@bücher.example"}, "ALLOWED_EMAILS", "xn--"},
		{[]string{"ALLOWED_EMAILS_FILE", "/nowhere/emails"}, "ALLOWED_EMAILS_FILE", `"/nowhere/emails", which cannot be read: no such file`},
		{[]string{"ALLOWED_EMAILS_FILE", "/"}, "ALLOWED_EMAILS_FILE", "not a file"},
		{[]string{"ALLOWED_GROUPS", ","}, "ALLOWED_GROUPS", "without an entry"},
		{[]string{"ALLOWED_GROUPS", "100%"}, "ALLOWED_GROUPS", `"100%", which is no group: in its name % is written %25`},
		{[]string{"ALLOWED_GROUPS", "*", "ISSUER", "https://idp.example"}, "ALLOWED_GROUPS", "no wildcards"},
		{[]string{"ALLOWED_GROUPS", "staff@example.com"}, "ALLOWED_GROUPS", "set SIDEGATE_GOOGLE_GROUPS_JSON"},
		{[]string{"GOOGLE_GROUPS_JSON", "/nowhere/key"}, "GOOGLE_GROUPS_JSON", "cannot be read"},
		{[]string{"GOOGLE_CUSTOMER", "C1"}, "GOOGLE_CUSTOMER", "without SIDEGATE_GOOGLE_GROUPS_JSON"},
		{[]string{"GOOGLE_CUSTOMER", "C1' || 'x' == 'x"}, "GOOGLE_CUSTOMER", "is no customer id"},
		{[]string{"GROUPS_TTL", "0s"}, "GROUPS_TTL", "shorter than 1s"},
		{[]string{"GROUPS_TTL", "soon"}, "GROUPS_TTL", "not a duration"},
		{[]string{"ROLES_FILE", "/"}, "ROLES_FILE", "not a file"},
		{[]string{"ALLOW_ANYONE", "1"}, "ALLOW_ANYONE", "neither true nor false"},
		{[]string{"ALLOW_ANYONE", "TRUE"}, "ALLOW_ANYONE", "neither true nor false"},
		{[]string{"NOTICE", "yes"}, "NOTICE", "neither true nor false"},
		{[]string{"SIGN_IN_PAGE", "1"}, "SIGN_IN_PAGE", "neither true nor false"},
		{[]string{"NAME", strings.Repeat("ä", 61)}, "NAME", "longer than 60 characters"},
		{[]string{"NAME", "a\x1b[31mb"}, "NAME", "control character"},
		{[]string{"LOGO", "/nowhere/logo"}, "LOGO", "cannot be read"},
		{[]string{"TOKEN_HEADER", "X Token", "SCOPES", "a"}, "TOKEN_HEADER", "not one that a header can have"},
		{[]string{"TOKEN_HEADER", "Authorization", "SCOPES", "a"}, "TOKEN_HEADER", "take another name"},
		{[]string{"SCOPES", "openid,a"}, "SCOPES", "at every sign-in"},
		{[]string{"SCOPES", "a,offline_access"}, "SCOPES", "by itself"},
		{[]string{"CONNECT_SCOPES", "a\"b"}, "CONNECT_SCOPES", "cannot be a scope"},
		{[]string{"CONNECT_SCOPES", "ä"}, "CONNECT_SCOPES", "cannot be a scope"},
		{[]string{"SCOPES", " , "}, "SCOPES", "without an entry"},
		{[]string{"SCOPES", strings.Repeat("a", 257)}, "SCOPES", "cannot be a scope"},
		{[]string{"DOMAIN_CLAIM", "HD"}, "DOMAIN_CLAIM", "neither hd nor email"},
	}
}

func networkFaults() []faultCase {
	return []faultCase{
		{[]string{"TRUSTED_PROXIES", "0.0.0.0/0"}, "TRUSTED_PROXIES", "any client could write its own address"},
		{[]string{"TRUSTED_PROXIES", "::/0"}, "TRUSTED_PROXIES", "whole internet"},
		{[]string{"TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1"}, "TRUSTED_PROXIES", "whole internet"},
		{[]string{"TRUSTED_PROXIES", "::ffff:0:0/96"}, "TRUSTED_PROXIES", "whole internet"},
		{[]string{"TRUSTED_PROXIES", "::ffff:0:0/90"}, "TRUSTED_PROXIES", "whole internet"},
		{[]string{"TRUSTED_PROXIES", "10.0.0.0/7"}, "TRUSTED_PROXIES", "whole internet"},
		{[]string{"TRUSTED_PROXIES", "2000::/3"}, "TRUSTED_PROXIES", "whole internet"},
		{[]string{"TRUSTED_PROXIES", "10.0.0.1/8"}, "TRUSTED_PROXIES", "write 10.0.0.0/8, or 10.0.0.1 for"},
		{[]string{"TRUSTED_PROXIES", "*"}, "TRUSTED_PROXIES", "neither a network"},
		{[]string{"TRUSTED_PROXIES", "proxy.example"}, "TRUSTED_PROXIES", "neither a network"},
		{[]string{"TRUSTED_PROXIES", "fe80::1%eth0"}, "TRUSTED_PROXIES", "neither a network"},
		{[]string{"PUBLIC_PATHS", "/"}, "PUBLIC_PATHS", "would open everything"},
		{[]string{"PUBLIC_PATHS", "GET /"}, "PUBLIC_PATHS", "would open everything"},
		{[]string{"PUBLIC_PATHS", "get /x"}, "PUBLIC_PATHS", "method is none of"},
		{[]string{"PUBLIC_PATHS", "CONNECT /x"}, "PUBLIC_PATHS", "method is none of"},
		{[]string{"PUBLIC_PATHS", "static/"}, "PUBLIC_PATHS", "does not start with /"},
		{[]string{"PUBLIC_PATHS", "GET"}, "PUBLIC_PATHS", "does not start with /"},
		{[]string{"PUBLIC_PATHS", "/_gate/"}, "PUBLIC_PATHS", "sidegate's own"},
		{[]string{"PUBLIC_PATHS", "/_gate"}, "PUBLIC_PATHS", "sidegate's own"},
		{[]string{"PUBLIC_PATHS", "/static/*"}, "PUBLIC_PATHS", "no wildcards"},
		{[]string{"PUBLIC_PATHS", "/a?b"}, "PUBLIC_PATHS", "path alone"},
		{[]string{"PUBLIC_PATHS", "/a#b"}, "PUBLIC_PATHS", "path alone"},
		{[]string{"PUBLIC_PATHS", `/a\b`}, "PUBLIC_PATHS", "path alone"},
		{[]string{"PUBLIC_PATHS", "//"}, "PUBLIC_PATHS", "empty segment"},
		{[]string{"PUBLIC_PATHS", "/a//b"}, "PUBLIC_PATHS", "empty segment"},
		{[]string{"PUBLIC_PATHS", "/a/../b"}, "PUBLIC_PATHS", "dot segment"},
		{[]string{"PUBLIC_PATHS", "/."}, "PUBLIC_PATHS", "dot segment"},
		{[]string{"PUBLIC_PATHS", "/a%2Fb"}, "PUBLIC_PATHS", "percent escape of"},
		{[]string{"PUBLIC_PATHS", "/a%5cb"}, "PUBLIC_PATHS", "percent escape of"},
		{[]string{"PUBLIC_PATHS", "/%2e%2E/b"}, "PUBLIC_PATHS", "percent escape of"},
		{[]string{"PUBLIC_PATHS", "/a%252Fb"}, "PUBLIC_PATHS", "percent escape of"},
		{[]string{"PUBLIC_PATHS", "/a%00"}, "PUBLIC_PATHS", "percent escape of"},
		{[]string{"PUBLIC_PATHS", "/a%zz"}, "PUBLIC_PATHS", "broken percent escape"},
		{[]string{"PUBLIC_PATHS", "/ä"}, "PUBLIC_PATHS", "percent-encoded"},
		{[]string{"PUBLIC_PATHS", "GET /a b"}, "PUBLIC_PATHS", "percent-encoded"},
		{[]string{"LISTEN", "8080"}, "LISTEN", "host:port"},
		{[]string{"LISTEN", ":http"}, "LISTEN", "port"},
		{[]string{"LISTEN", "a b:80"}, "LISTEN", "neither a name"},
		{[]string{"ADMIN_LISTEN", ":65536"}, "ADMIN_LISTEN", "port"},
		{[]string{"ADMIN_LISTEN", "127.0.0.1:8080"}, "ADMIN_LISTEN", "is the same"},
		{[]string{"DRAIN", "10"}, "DRAIN", "unit"},
		{[]string{"DRAIN", "-1s"}, "DRAIN", "negative"},
		{[]string{"LOG_LEVEL", "trace"}, "LOG_LEVEL", "none of"},
		{[]string{"APP", "streamlitt"}, "APP", "none of"},
		{[]string{"LOG_FORMAT", "logfmt"}, "LOG_FORMAT", "neither"},
	}
}

func headerFaults() []faultCase {
	faults := []faultCase{
		{[]string{"HEADERS", "sidegate,oauth2proxy"}, "HEADERS", `holds "oauth2proxy", which is no preset; the nearest is oauth2-proxy`},
		{[]string{"HEADERS", "Grafana"}, "HEADERS", "the nearest is grafana"},
		{[]string{"HEADERS", "X-My-Header"}, "HEADERS", "written X-My-Header={email}"},
		{[]string{"HEADERS", ","}, "HEADERS", "list without an entry"},
		{[]string{"HEADERS", "={email}"}, "HEADERS", "not one that a header can have"},
		{[]string{"HEADERS", "X My={email}"}, "HEADERS", "not one that a header can have"},
		{[]string{"HEADERS", "X-My:={email}"}, "HEADERS", "not one that a header can have"},
		{[]string{"HEADERS", "X-Mÿ={email}"}, "HEADERS", "not one that a header can have"},
		{[]string{"HEADERS", "X-My=\r\nX-Other: {email}"}, "HEADERS", "control character"},
		{[]string{"HEADERS", "X-My=a\nb"}, "HEADERS", "control character"},
		{[]string{"HEADERS", "X-My=a\u0085b"}, "HEADERS", "printable ASCII"},
		{[]string{"HEADERS", "X-My=Zoë"}, "HEADERS", "printable ASCII"},
		{[]string{"HEADERS", "X-My="}, "HEADERS", "has no value"},
		{[]string{"HEADERS", "X-My={mail}"}, "HEADERS", "whose {mail} stands for nothing; the nearest is {email}"},
		{[]string{"HEADERS", "X-My={Email}"}, "HEADERS", "the nearest is {email}"},
		{[]string{"HEADERS", "X-My={}"}, "HEADERS", "stands for nothing"},
		{[]string{"HEADERS", "X-My={email"}, "HEADERS", "a { is not closed"},
		{[]string{"HEADERS", "X-My=email}"}, "HEADERS", "a } closes nothing"},
		{[]string{"HEADERS", "X-My={email}}"}, "HEADERS", "a } closes nothing"},
		{[]string{"HEADERS", "X-My={name:utf16}"}, "HEADERS", "there are latin1, utf8, rfc2047"},
		{[]string{"HEADERS", "X-My={name:}"}, "HEADERS", "no known encoding"},
		{[]string{"HEADERS", "X-My={groups:rfc2047}"}, "HEADERS", "cannot be written that way"},
		{[]string{"HEADERS", "X-My={groups:latin1}"}, "HEADERS", "cannot be written that way"},
		{[]string{"HEADERS", "X-My={assertion:utf8}"}, "HEADERS", "cannot be written that way"},
		{[]string{"HEADERS", "X-My={email},x_MY={name}"}, "HEADERS", `holds "x_MY={name}", but sets that header before`},
		{[]string{"HEADERS", "X-My={email},X-My={email:utf8}"}, "HEADERS", "sets that header before"},
	}
	for _, name := range []string{
		"Host", "Cookie", "Set-Cookie", "Authorization", "Connection", "Proxy-Connection", "Proxy-Authorization", "Keep-Alive", "TE",
		"Trailer", "Transfer-Encoding", "Upgrade", "Content-Length", "Content-Type", "Content-Security-Policy", "Sec-WebSocket-Key",
		"Sec-Fetch-Site", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-Id", "Origin", "Accept",
		"Accept-Encoding", "Range", "If-None-Match", "Forwarded", "X-Real-IP", "X-Original-URL", "X-HTTP-Method-Override", "Proxy",
		"Expect", "Referer", "Cache-Control", "Access-Control-Allow-Origin", "hOST", "content_length", "Transfer.Encoding", "X-Forwarded_For",
	} {
		faults = append(faults, faultCase{[]string{"HEADERS", name + "={email}"}, "HEADERS", "take another name"})
	}
	return faults
}

func secretFaults(t *testing.T) []faultCase {
	return []faultCase{
		{[]string{"CLIENT_ID", ""}, "CLIENT_ID", "is not set"},
		{[]string{"CLIENT_ID", " "}, "CLIENT_ID", "only blanks"},
		{[]string{"CLIENT_SECRET", ""}, "CLIENT_SECRET", "is not set"},
		{[]string{"CLIENT_SECRET", " "}, "CLIENT_SECRET", "only blanks"},
		{[]string{"CLIENT_SECRET", strong + "\nx"}, "CLIENT_SECRET", "control character"},
		{[]string{"CLIENT_SECRET_FILE", file(t, strong)}, "CLIENT_SECRET_FILE", "SIDEGATE_CLIENT_SECRET too"},
		{[]string{"CLIENT_SECRET", "", "CLIENT_SECRET_FILE", "/nowhere/s"}, "CLIENT_SECRET_FILE", `"/nowhere/s", which cannot be read: no such`},
		{[]string{"SECRET_FILE", file(t, " \n")}, "SECRET_FILE", "is empty"},
		{[]string{"SECRET_FILE", file(t, strong+"\n"+strong)}, "SECRET_FILE", "control character"},
		{[]string{"SECRET_FILE", file(t, strings.Repeat(strong, 4000))}, "SECRET_FILE", "larger than 65536 bytes"},
		{[]string{"SECRET_FILE", t.TempDir()}, "SECRET_FILE", "cannot be read: is a directory"},
		{[]string{"SESSION_STORE", "memory:", "SESSION_STORE_FILE", file(t, "redis://h")}, "SESSION_STORE_FILE", "set one of the two"},
		{[]string{"SECRET", strong[:31]}, "SECRET", "shorter than 32 bytes"},
		{[]string{"SECRET", strong + "," + strong[:16]}, "SECRET", "number 2): it is shorter"},
		{[]string{"SECRET", ","}, "SECRET", "without an entry"},
		{[]string{"SECRET", strings.Repeat("abcde", 7)}, "SECRET", "fewer than 6"},
		{[]string{"SECRET", strings.Repeat(strong[:15], 3)}, "SECRET", "repeats"},
		{[]string{"SECRET", strong + "ChangeMe"}, "SECRET", "placeholder"},
		{[]string{"SECRET", "$(openssl rand -base64 32) as in the guide"}, "SECRET", "placeholder"},
		{[]string{"SESSION_STORE", "redis://h"}, "SECRET", "replicas that share a store"},
		{[]string{"SESSION_STORE", "redis://h", "SECRET_FILE", "/nowhere/s"}, "SECRET_FILE", "no such file"},
		{[]string{"SESSION_STORE", "redis://"}, "SESSION_STORE", "no Redis host"},
		{[]string{"SESSION_STORE", "redis:/" + strong}, "SESSION_STORE", "no Redis host"},
		{[]string{"SESSION_STORE", "redis+cluster://"}, "SESSION_STORE", "no Redis host"},
		{[]string{"SESSION_STORE", "redis+tls://:" + strong + "@h"}, "SESSION_STORE", "is none of"},
		{[]string{"SESSION_STORE", "valkey://:" + strong + "@h"}, "SESSION_STORE", "is none of"},
		{[]string{"SESSION_STORE", strong}, "SESSION_STORE", "is none of"},
		{[]string{"SESSION_STORE", "memory"}, "SESSION_STORE", "is none of"},
		{[]string{"SESSION_STORE", "file:"}, "SESSION_STORE", "names no file"},
		{[]string{"SESSION_STORE", "file:/data/"}, "SESSION_STORE", "names no file"},
		{[]string{"SESSION_STORE", "file://data/x"}, "SESSION_STORE", "two slashes"},
		{[]string{"SESSION_MAX", "0"}, "SESSION_MAX", "more than 0"},
		{[]string{"SESSION_MAX", "7d"}, "SESSION_MAX", "unit"},
		{[]string{"STORE_GRACE", "soon"}, "STORE_GRACE", "unit"},
		{[]string{"SESSION_MAX", "-1h"}, "SESSION_MAX", "negative"},
		{[]string{"SESSION_MAX", "11h"}, "SESSION_IDLE", "longer than SIDEGATE_SESSION_MAX"},
	}
}

func clientFileFaults(t *testing.T) []faultCase {
	json := func(s string) string { return file(t, s) }
	web := `{"web":{"client_id":"j","client_secret":"` + strong + `"`
	return []faultCase{
		{[]string{"CLIENT_JSON", "/nowhere/c.json"}, "CLIENT_JSON", "no such file"},
		{[]string{"CLIENT_JSON", web + "}}"}, "CLIENT_JSON", "give its path"},
		{[]string{"CLIENT_JSON", json(strong)}, "CLIENT_JSON", "not the JSON of an OAuth client"},
		{[]string{"CLIENT_JSON", json(web)}, "CLIENT_JSON", "not the JSON of an OAuth client"},
		{[]string{"CLIENT_JSON", json(`{}`)}, "CLIENT_JSON", "not the JSON of an OAuth client"},
		{[]string{"CLIENT_JSON", json(`{"web":{"client_id":"j"}}`)}, "CLIENT_JSON", "not the JSON of an OAuth client"},
		{[]string{"CLIENT_JSON", json(`{"web":{"client_secret":"j"}}`)}, "CLIENT_JSON", "not the JSON of an OAuth client"},
		{[]string{"CLIENT_JSON", json(`{"installed":{"client_id":"j","client_secret":"` + strong + `"}}`)}, "CLIENT_JSON", "type Web application"},
		{[]string{"CLIENT_JSON", json(web + `,"redirect_uris":"x"}}`)}, "CLIENT_JSON", "not the JSON of an OAuth client"},
		{[]string{"CLIENT_JSON", json(web + `,"redirect_uris":[]}}`), "CLIENT_ID", "j", "PUBLIC_URL", "x"}, "PUBLIC_URL", "http://"},
		{[]string{"CLIENT_JSON", json(web + `}}`)}, "CLIENT_ID", "differs"},
		{[]string{"CLIENT_ID", "j", "CLIENT_JSON", json(`{"web":{"client_id":"j","client_secret":"x"}}`)}, "CLIENT_SECRET", "differs"},
		{[]string{"CLIENT_ID", "j", "CLIENT_JSON", json(web + `,"redirect_uris":["http://localhost:8080/_gate/callback/"]}}`)},
			"CLIENT_JSON", "again: http://localhost:8080/_gate/callback."},
	}
}

func allFaults(t *testing.T) []faultCase {
	return slices.Concat(urlFaults(), accessFaults(), networkFaults(), secretFaults(t), clientFileFaults(t), headerFaults())
}

// SEC-DOM-07, SEC-DOM-08, SEC-SESS-06, SEC-SESS-08, SEC-FWD-08: empty rules, gmail.com
// as a domain, plain http beyond loopback, weak secrets, trusting everybody.
func TestEachMistakeIsOneLineThatNamesItsVariable(t *testing.T) {
	for _, tt := range allFaults(t) {
		_, err := minimal().with(tt.set...).raw(t).Parse()
		if err == nil {
			t.Errorf("%q: accepted, want a fault of %s", tt.set, tt.name)
			continue
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			if !strings.HasPrefix(line, "SIDEGATE_"+tt.name+" ") || !strings.Contains(line, tt.want) {
				t.Errorf("%q: got %q, want SIDEGATE_%s … %s", tt.set, line, tt.name, tt.want)
			}
			if !strings.Contains(line, ". Example: SIDEGATE_"+tt.name+"=") {
				t.Errorf("%q: no example of right in %q", tt.set, line)
			}
		}
	}
}

// SEC-LEAK-05, SEC-LEAK-09.
func TestNoFaultRepeatsASecret(t *testing.T) {
	for _, tt := range allFaults(t) {
		set := minimal().with("SECRET", strong)
		if slices.Contains(tt.set, "SECRET_FILE") {
			delete(set, "SECRET")
		}
		raw := set.with(tt.set...).raw(t)
		_, err := raw.Parse()
		if err == nil {
			continue // the SECRET above was what was missing
		}
		encoded, jsonErr := json.Marshal(struct{ Raw Raw }{raw})
		for _, text := range []string{
			err.Error(), fmt.Sprintf("%+v %#v %q", err, err, err), fmt.Sprintf("%v %+v %#v %s", raw, raw, raw, &raw), string(encoded),
		} {
			if strings.Contains(text, strong[:16]) || jsonErr != nil {
				t.Errorf("%q: a secret shows in %q (%v)", tt.set, text, jsonErr)
			}
		}
	}
}

func TestNoPrintOfAConfigShowsASecret(t *testing.T) {
	c := mustParse(t, minimal().with("SECRET", strong, "SESSION_STORE", "redis://:"+strong+"@h"))
	var b bytes.Buffer
	if err := c.Describe(&b); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{b.String(), string(encoded)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		texts = append(texts, fmt.Sprintf(verb, c))
	}
	for _, text := range texts {
		if strings.Contains(text, strong) || strings.Contains(text, fmt.Sprintf("%x", strong)) || !strings.Contains(text, mask) {
			t.Errorf("got %s", text)
		}
	}
}
