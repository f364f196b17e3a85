package demo

import (
	"net/http"
	"slices"
	"strings"
)

// YouTubeScope is what the stand-in for the YouTube API wants to be granted.
const YouTubeScope = "https://www.googleapis.com/auth/youtube.readonly"

// channels stands in for channels.list of the YouTube Data API, v3: somebody's own
// channel, if the access token is good now and for that. Google's client library
// refreshes its token after a 401.
func (p *Provider) channels(w http.ResponseWriter, r *http.Request) {
	g, ok := p.bearer(r)
	switch {
	case !ok:
		w.Header().Set("WWW-Authenticate", `Bearer realm="sidegate demo", error="invalid_token"`) // RFC 6750, 3
		apiError(w, http.StatusUnauthorized, "Invalid Credentials")
	case !slices.Contains(g.GetScopes(), YouTubeScope):
		apiError(w, http.StatusForbidden, "Request had insufficient authentication scopes.")
	case r.URL.Query().Get("mine") != "true":
		apiError(w, http.StatusBadRequest, "The demo knows the channel of whoever asks alone: mine=true.")
	default:
		writeJSON(w, http.StatusOK, map[string]any{"kind": "youtube#channelListResponse", "items": []any{g.account.channel()}})
	}
}

// bearer returns what the access token of a request stands for.
func (p *Provider) bearer(r *http.Request) (*grant, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	inside, err := p.op.Crypto().Decrypt(token)
	if err != nil || !strings.EqualFold(scheme, "Bearer") {
		return nil, false
	}
	id, _, _ := strings.Cut(inside, ":")
	return p.store.granted(id)
}

func apiError(w http.ResponseWriter, code int, message string) {
	writeJSON(w, code, map[string]any{"error": map[string]any{"code": code, "message": message}})
}

// channel is made up. Numbers are strings, as in YouTube's own answer.
func (a Account) channel() map[string]any {
	return map[string]any{
		"kind": "youtube#channel", "id": "UC-" + a.Subject,
		"snippet": map[string]string{"title": a.Name + "'s channel"},
		"statistics": map[string]any{
			"viewCount": "48213", "subscriberCount": "1024", "videoCount": "37", "hiddenSubscriberCount": false,
		},
	}
}
