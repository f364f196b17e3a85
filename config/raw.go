package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

const prefix = "SIDEGATE"

// Raw is the settings as somebody wrote them: the environment, or code that
// starts sidegate. An empty field is not set; Parse gives it its default.
//
// A tag `def` holds the default, and not envconfig's `default`: that one does not
// apply to a variable that is set but empty, which is what compose makes of
// ${NAME}. Names come from the fields by split_words, never from a tag
// `envconfig`, which would let an unprefixed REDIS_URL or SECRET of somebody
// else in. A field without `desc` is the NAME_FILE of a secret.
type Raw struct {
	Upstream          string `split_words:"true" desc:"the app, required: http://, https:// or unix:/path" example:"http://127.0.0.1:8501"`
	PublicURL         string `split_words:"true" def:"http://localhost:8080" desc:"where browsers reach sidegate; the scheme, the cookie's flags and the redirect URI (this and /_gate/callback) follow from it" example:"https://app.example.com"`
	Listen            string `split_words:"true" def:"127.0.0.1:8080" desc:"public listener" example:"127.0.0.1:8080"`
	AdminListen       string `split_words:"true" def:"127.0.0.1:8081" desc:"private listener: health, metrics, sessions, access tokens; whoever reaches it can end sessions" example:"127.0.0.1:8081"`
	Issuer            string `split_words:"true" def:"https://accounts.google.com" desc:"OpenID provider; plain http only on loopback" example:"https://accounts.google.com"`
	ClientID          string `split_words:"true" desc:"OAuth client id" example:"1234-abcd.apps.googleusercontent.com"`
	ClientSecret      string `split_words:"true" secret:"true" desc:"OAuth client secret" example:"GOCSPX-…"`
	ClientSecretFile  string `split_words:"true" example:"/run/secrets/client_secret"`
	ClientJSON        string `split_words:"true" desc:"path of the client_secret_….json Google lets you download; replaces the client id and secret" example:"/etc/sidegate/client_secret.json"`
	Providers         string `split_words:"true" desc:"comma list of names of further providers, each with settings of its own; people then choose one, see docs/providers.md" example:"okta,keycloak"`
	AllowedDomains    string `split_words:"true" desc:"comma list of domains that may sign in; with Google compared with the hd claim (the Workspace domain), else with the domain of the verified e-mail" example:"example.com"`
	AllowedEmails     string `split_words:"true" desc:"comma list of verified e-mail addresses that may sign in" example:"ann@example.com,bob@example.org"`
	AllowedEmailsFile string `split_words:"true" desc:"path of a file with one address a line, read again when it changes" example:"/etc/sidegate/emails.txt"`
	AllowedGroups     string `split_words:"true" desc:"comma list of groups: who is in one of them may sign in; from the provider's groups claim and from Google Groups, see docs/groups.md" example:"staff@example.com"`
	AllowAnyone       string `split_words:"true" def:"false" desc:"true lets in every account of the provider; nothing else does" example:"false"`
	DomainClaim       string `split_words:"true" desc:"what the domains are compared with, hd or email; not set: hd with Google, else email" example:"hd"`
	GroupsClaim       string `split_words:"true" def:"groups" desc:"claim of the ID token that lists the person's groups" example:"groups"`
	GoogleGroupsJSON  string `split_words:"true" desc:"path of the JSON key of a service account with the role Groups Reader; people's Google Groups are then looked up" example:"/etc/sidegate/groups.json"`
	GoogleCustomer    string `split_words:"true" desc:"Workspace customer id; groups that people are in through other groups of that organisation count too (Enterprise editions and Cloud Identity Premium)" example:"C046psxkn"`
	GroupsTTL         string `split_words:"true" def:"10m" desc:"how long Google's answer on a person's groups is used before it is asked again" example:"10m"`
	RolesFile         string `split_words:"true" desc:"path of a role map, one role a line (admin: ann@example.com, @example.org, group:ops@example.com), read again when it changes; see docs/groups.md" example:"/etc/sidegate/roles.txt"`
	SessionStore      string `split_words:"true" secret:"true" def:"memory:" desc:"where sessions live: memory:, file:PATH (survives restarts), redis://, redis+sentinel:// or redis+cluster:// (shared by replicas; rediss with TLS)" example:"file:/data/sessions.db"`
	SessionStoreFile  string `split_words:"true" example:"/run/secrets/session_store"`
	Secret            string `split_words:"true" secret:"true" desc:"comma list of secrets that seal sessions, newest first, each at least 32 bytes; required with Redis, else generated (with file: kept beside it as PATH.key)" example:"$(openssl rand -base64 32)"`
	SecretFile        string `split_words:"true" example:"/run/secrets/sidegate_secret"`
	SessionIdle       string `split_words:"true" def:"12h" desc:"a session ends after this time without activity; 0: no idle limit" example:"12h"`
	SessionMax        string `split_words:"true" def:"168h" desc:"a session ends after this time in any case" example:"168h"`
	StoreGrace        string `split_words:"true" def:"60s" desc:"how long a session that is known here is served while the store cannot be asked" example:"60s"`
	TrustedProxies    string `split_words:"true" desc:"comma list of networks whose X-Forwarded-For counts; not set: nobody's" example:"10.0.0.0/8,192.168.1.7"`
	AllowedOrigins    string `split_words:"true" desc:"comma list of origins besides our own that may open WebSockets" example:"https://portal.example.com"`
	App               string `split_words:"true" def:"auto" desc:"which dashboard the app is, see docs/dashboards.md; auto recognises it by the command of run and demo or by its answers; none: any web app" example:"streamlit"`
	PublicPaths       string `split_words:"true" desc:"comma list of [METHOD ]/path open without login; exact, or everything below when it ends in /" example:"/static/,/robots.txt"`
	Headers           string `split_words:"true" def:"sidegate" desc:"comma list of the headers that tell the app who somebody is: presets (sidegate, oauth2-proxy, iap, grafana, authelia, authentik, cloudflare, databricks, pomerium, shinyproxy, tailscale) and headers of your own, such as X-My-Header={email}; see docs/headers.md" example:"sidegate,X-Remote-Login={user}"`
	Scopes            string `split_words:"true" desc:"list of API scopes asked for at each sign-in, besides who it is; see docs/tokens.md" example:"https://www.googleapis.com/auth/youtube.readonly"`
	ConnectScopes     string `split_words:"true" desc:"list of API scopes that a page may ask for when it needs them, by /_gate/connect" example:"https://www.googleapis.com/auth/yt-analytics.readonly"`
	TokenHeader       string `split_words:"true" desc:"header that carries the access token itself, for apps that read one and do not ask; not set: none; read docs/tokens.md first" example:"X-Forwarded-Access-Token"`
	Notice            string `split_words:"true" def:"false" desc:"true puts a script into the app's pages that hides them, and says so, when the session has ended" example:"true"`
	Name              string `split_words:"true" desc:"name of the site, shown on sidegate's own pages" example:"Sales dashboard"`
	Logo              string `split_words:"true" desc:"path of a picture (SVG, PNG, JPEG or WebP, at most 64 KiB) shown on sidegate's own pages" example:"/etc/sidegate/logo.svg"`
	SignInPage        string `split_words:"true" def:"false" desc:"true shows a page with a button before somebody is sent to the provider" example:"true"`
	Drain             string `split_words:"true" def:"10s" desc:"how long a stopping process waits for requests and closes WebSockets" example:"10s"`
	LogLevel          string `split_words:"true" def:"info" desc:"debug, info, warn or error" example:"info"`
	LogFormat         string `split_words:"true" desc:"text or json; not set: text on a terminal, else json" example:"json"`
	EnvFile           string `split_words:"true" desc:"path of a file with settings, one NAME=VALUE a line; the environment wins; not set: sidegate.env in the working folder, if it is there and only its owner can read it" example:"/etc/sidegate/sidegate.env"`

	Further map[string]RawProvider `ignored:"true"` // by the names that Providers lists
}

// fromEnv reads the environment of this process and no file, see FromEnv.
func fromEnv() (Raw, error) {
	var raw Raw
	if envconfig.Process(prefix, &raw) != nil {
		// Strings always convert. Should that change: envconfig's error quotes the value.
		return Raw{}, errors.New("the environment cannot be read")
	}
	return raw, nil
}

// FromEnvAlone reads the environment of this process and no file, see FromEnv.
func FromEnvAlone() (Raw, error) {
	raw, err := fromEnv()
	if err != nil {
		return Raw{}, err
	}
	raw.Further, err = readFurther(raw.Providers)
	return raw, errors.Join(err, unknownNames(os.Environ()))
}

// WithDefaults returns r with the default in every field that is not set.
func (r Raw) WithDefaults() Raw {
	r.each(func(tag reflect.StructTag, _ string, value *string) {
		if *value == "" {
			*value = tag.Get("def")
		}
	})
	return r
}

// Format keeps the secrets among the settings out of fmt. To show settings, use
// Config.Describe.
func (r Raw) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// MarshalText keeps the secrets among the settings out of encoding/json and log/slog.
func (r Raw) MarshalText() ([]byte, error) { return []byte(mask), nil }

// each calls visit for every setting, in the order of the fields, with its name
// less the prefix.
func (r *Raw) each(visit func(tag reflect.StructTag, name string, value *string)) {
	eachField(reflect.ValueOf(r).Elem(), visit)
}

// eachField calls visit for every string of a struct.
func eachField(v reflect.Value, visit func(tag reflect.StructTag, name string, value *string)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if value, ok := v.Field(i).Addr().Interface().(*string); ok {
			visit(field.Tag, splitWords(field.Name), value)
		}
	}
}

// splitWords names a field as envconfig does: PublicURL is PUBLIC_URL.
func splitWords(field string) string {
	var b strings.Builder
	for i, c := range field {
		if i > 0 && isUpper(byte(c)) && !isUpper(field[i-1]) {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.ToUpper(b.String())
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
