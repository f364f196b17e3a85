package config

import (
	"fmt"
	"slices"
	"strings"
)

// minSecret is the least length, in bytes, of a secret that seals sessions.
const minSecret = 32

func (p *parser) session(r Raw) Session {
	s := Session{
		Store:   p.store(r.SessionStore),
		Secrets: p.secrets(r.Secret),
		Idle:    p.duration("SESSION_IDLE", r.SessionIdle),
		Max:     p.duration("SESSION_MAX", r.SessionMax),
		Grace:   p.duration("STORE_GRACE", r.StoreGrace),
	}
	if s.Store.Kind == StoreRedis && s.Secrets == nil && !p.faulty("SECRET", "SECRET_FILE") {
		p.fault("SECRET", "is not set, but replicas that share a store have to share it; make one with: openssl rand -base64 32")
	}
	switch {
	case p.faulty("SESSION_IDLE", "SESSION_MAX"):
	case s.Max == 0:
		p.fault("SESSION_MAX", "has to be more than 0: a session must end some day")
	case s.Idle > s.Max:
		p.fault("SESSION_IDLE", "is longer than %s_SESSION_MAX, so it would never count", prefix)
	}
	return s
}

// store tells the kinds apart. It repeats nothing of the value, which may carry a
// password. A Redis address is parsed by the package that dials it.
func (p *parser) store(value string) Store {
	scheme, rest, _ := strings.Cut(value, ":")
	redis := []string{"redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"}
	switch {
	case value == "memory:":
		return Store{Kind: StoreMemory}
	case scheme == "file":
		return p.fileStore(rest)
	case !slices.Contains(redis, scheme):
		p.fault("SESSION_STORE", "is none of memory:, file:PATH, redis://, redis+sentinel:// and redis+cluster:// (rediss with TLS)")
	case !strings.HasPrefix(rest, "//") || strings.Trim(rest, "/") == "":
		p.fault("SESSION_STORE", "names no Redis host; write redis://HOST:6379")
	default:
		return Store{Kind: StoreRedis, URL: NewSecret(value)}
	}
	return Store{}
}

func (p *parser) fileStore(path string) Store {
	// The URL form file:///data/x is what many would write.
	if after, ok := strings.CutPrefix(path, "//"); ok && strings.HasPrefix(after, "/") {
		path = after
	}
	switch {
	case path == "" || strings.HasSuffix(path, "/"):
		p.fault("SESSION_STORE", "names no file after file:")
	case strings.HasPrefix(path, "//"):
		p.fault("SESSION_STORE", "has two slashes after file:, but there is no host; write file:/PATH")
	default:
		return Store{Kind: StoreFile, Path: path}
	}
	return Store{}
}

func (p *parser) secrets(value string) []Secret {
	var secrets []Secret
	for i, entry := range p.list("SECRET", value) {
		if weak := weakness(entry); weak != "" {
			p.fault("SECRET", "has a weak entry (number %d): it %s; make one with: openssl rand -base64 32", i+1, weak)
		}
		secrets = append(secrets, NewSecret(entry))
	}
	return secrets
}

// weakness says why s is no secret, or nothing. Entropy cannot be seen in a text;
// this catches what people type instead of it.
func weakness(s string) string {
	if len(s) < minSecret {
		return fmt.Sprintf("is shorter than %d bytes", minSecret)
	}
	different := make(map[byte]bool)
	for i := range len(s) {
		different[s[i]] = true
	}
	if len(different) < 6 {
		return "has fewer than 6 different bytes"
	}
	for unit := 1; unit < 16; unit++ {
		if strings.HasPrefix(s, s[unit:]) {
			return "repeats a short text"
		}
	}
	folded := strings.ToLower(s)
	for _, word := range []string{
		"changeme", "change-me", "change_me", "placeholder", "your-secret", "your_secret", "replace-me", "replace_me",
		"${", "openssl rand",
	} {
		if strings.Contains(folded, word) {
			return "looks like a placeholder"
		}
	}
	return ""
}
