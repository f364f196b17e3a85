package apps_test

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sidegate/proxy/apps"
)

// What Bokeh finds in a token and what we find must be the same session, or none.
func TestBokehsSessionIsReadForCertain(t *testing.T) {
	token := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	const id = "EAYCGUThM4LdJy4v9oDY166ws7o9FsjXS3VszVLqB3mu"
	const signature = ".ANiPNRwojrSJDUVAF5pGORJWSnarmq1sqN9IcCoIE3A"
	good := token(`{"session_id": "` + id + `", "session_expiry": 1795599014, "__bk__zlib_": "eJyr"}`)
	for _, tt := range []struct {
		what      string
		protocols []string
		want      apps.Wish
	}{
		{"unsigned", []string{"bokeh, " + good}, apps.Wish{Asked: true, ID: id, Claims: true, Without: "bokeh", Forged: true}},
		{"a page's", []string{"bokeh, " + good + signature}, apps.Wish{Asked: true, ID: id, Claims: true, Without: "bokeh"}},
		{"in two lines", []string{"bokeh", good + signature}, apps.Wish{Asked: true, ID: id, Claims: true, Without: "bokeh"}},
		{"padded", []string{"bokeh," + good + "==" + signature}, apps.Wish{Asked: true, ID: id, Claims: true, Without: "bokeh"}},
		{"without a token", []string{"bokeh"}, apps.Wish{}},
		{"nothing", nil, apps.Wish{}},
		{"three", []string{"bokeh, " + good + ", x"}, apps.Wish{Asked: true, Claims: true, Without: "bokeh"}},
		{"an id in other letters", []string{"bokeh, " + token(`{"Session_ID": "`+id+`"}`) + signature}, apps.Wish{Asked: true, Claims: true, Without: "bokeh"}},
		{"an id that is none", []string{"bokeh, " + token(`{"session_id": ["`+id+`"]}`) + signature}, apps.Wish{Asked: true, Claims: true, Without: "bokeh"}},
		{"an id with a space", []string{"bokeh, " + token(`{"session_id": "`+id+` "}`) + signature}, apps.Wish{Asked: true, Claims: true, Without: "bokeh"}},
		{"what Python alone reads", []string{"bokeh, " + token(`{"session_id": "`+id+`", "x": NaN}`) + signature}, apps.Wish{Asked: true, Claims: true, Without: "bokeh"}},
		{"what Python skips", []string{"bokeh, !" + good + signature}, apps.Wish{Asked: true, Claims: true, Without: "bokeh"}},
		{"no token", []string{"bokeh, x" + signature}, apps.Wish{Asked: true, Claims: true, Without: "bokeh"}},
		{"the last of two counts, as in Python", []string{"bokeh, " + token(`{"session_id": "a", "session_id": "b"}`) + signature}, apps.Wish{Asked: true, ID: "b", Claims: true, Without: "bokeh"}},
	} {
		for _, name := range []string{"bokeh", "panel"} {
			if got := apps.Named(name).Socket.Resumes(tt.protocols); got != tt.want {
				t.Errorf("%s, %s: %+v, want %+v", name, tt.what, got, tt.want)
			}
		}
	}
}

// A link may not say which of the app's sessions its reader gets.
func TestBokehsSessionIsNotChosenByALink(t *testing.T) {
	for query, want := range map[string]bool{
		"bokeh-session-id=x": true, "a=1&bokeh-token=x": true, "a=1;bokeh-token=x": true, "bokeh%2dsession%2Did=x": true, "Bokeh-Session-Id": true,
		"": false, "a=bokeh-session-id": false, "bokeh-session-idx=1": false, "bokeh-autoload-element=1": false, "%zz=1": false,
	} {
		if got := apps.Named("bokeh").Chooses(query); got != want {
			t.Errorf("?%s chooses a session: %v, want %v", query, got, want)
		}
		if apps.Named("dash").Chooses(query) {
			t.Errorf("?%s chooses a session of another app's", query)
		}
	}
}

// Without a signature a page could say for whom it was made; without a secret Bokeh's
// server does not start, which is as well.
func TestBokehSignsWhatItsPagesHold(t *testing.T) {
	for _, name := range []string{"bokeh", "panel"} {
		env := apps.Named(name).Environment(apps.Place{Host: "127.0.0.1", Port: "5006", Secret: "s", Public: &url.URL{Host: "app.example"}})
		for _, want := range []string{"BOKEH_SIGN_SESSIONS=yes", "BOKEH_SECRET_KEY=s", "BOKEH_ALLOW_WS_ORIGIN=app.example"} {
			if !slices.Contains(env, want) {
				t.Errorf("%s is told %s, without %s", name, strings.Join(env, " "), want)
			}
		}
	}
}
