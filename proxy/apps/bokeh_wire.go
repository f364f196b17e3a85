package apps

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
)

// bokehID is what Bokeh's server gives out: 44 letters and digits, and a signature.
var bokehID = regexp.MustCompile(`^[0-9A-Za-z._-]{1,200}$`)

// bokehSession reads Bokeh's use of the subprotocols: its own name, and the token of
// the page, with the id of a session that was made with the page. The first who
// connects to a session has it alone: for as long as a token is good, five minutes, a
// page that is left open would otherwise connect again for whoever signs in next in the
// same browser, and go on as the person before.
func bokehSession(protocols []string) Wish {
	entries := strings.Split(strings.Join(protocols, ","), ",")
	if len(entries) < 2 {
		return Wish{}
	}
	wish := Wish{Asked: true, Claims: true, Without: entries[0]}
	if len(entries) == 2 {
		token := strings.Trim(entries[1], " \t")
		wish.ID = bokehSessionID(token)
		// A server that signs takes none without, and one that does not gives out no other:
		// none of its pages work then, and somebody notices.
		wish.Forged = !strings.Contains(token, ".")
	}
	return wish
}

// bokehSessionID returns the session id in a token; "" unless every reader finds the
// same one in it.
func bokehSessionID(token string) string {
	encoded, _, _ := strings.Cut(token, ".")
	b, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(encoded, "="))
	if err != nil {
		return ""
	}
	// Only a map: a struct's fields would match in any case.
	var payload map[string]any
	if json.Unmarshal(b, &payload) != nil {
		return ""
	}
	id, _ := payload["session_id"].(string)
	if !bokehID.MatchString(id) {
		return ""
	}
	return id
}
