package apps

import (
	"regexp"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of Streamlit's messages to its page (proto/streamlit/proto/ForwardMsg.proto,
// NewSession.proto). Protocol buffers keep them for ever.
const (
	forwardNewSession   = 4  // ForwardMsg.new_session, the first message of a session
	forwardAuthRedirect = 24 // ForwardMsg.auth_redirect, of st.login: since Streamlit 1.42
	redirectURL         = 1  // AuthRedirect.url
	newInitialize       = 1  // NewSession.initialize
	initializeSessionID = 6  // Initialize.session_id
)

// streamlitRedirect is the message by which st.login sends the page to href. A page
// of an older Streamlit leaves it unread.
func streamlitRedirect(href string) []byte {
	redirect := protowire.AppendTag(nil, redirectURL, protowire.BytesType)
	redirect = protowire.AppendString(redirect, href)
	message := protowire.AppendTag(nil, forwardAuthRedirect, protowire.BytesType)
	return protowire.AppendBytes(message, redirect)
}

// streamlitAssigned returns the session id that a new_session message gives to the
// page. With it a page that lost its connection gets its state back.
func streamlitAssigned(message []byte) string {
	for _, n := range []protowire.Number{forwardNewSession, newInitialize, initializeSessionID} {
		if message = field(message, n); message == nil {
			return ""
		}
	}
	return string(message)
}

// field returns the first length-delimited field n of a message; nil: it has none, or
// is no message.
func field(message []byte, n protowire.Number) []byte {
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return nil
		}
		message = message[size:]
		if number == n && kind == protowire.BytesType {
			value, size := protowire.ConsumeBytes(message)
			if size < 0 {
				return nil
			}
			return value
		}
		if size = protowire.ConsumeFieldValue(number, kind, message); size < 0 {
			return nil
		}
		message = message[size:]
	}
	return nil
}

// streamlitID is what Streamlit gives out, a UUID. Its server strips more kinds of
// white space from what it is sent than we do: nothing else is one.
var streamlitID = regexp.MustCompile(`^[0-9a-fA-F-]{1,64}$`)

// streamlitResumes reads Streamlit's use of the subprotocols: its own name, a token
// against forgery, and the id of the session that the page had. Servers differ on
// several header lines, the first of them or all in a row, so each reading counts.
func streamlitResumes(protocols []string) (wish Wish) {
	all := strings.Join(protocols, ",")
	for _, line := range append([]string{all}, protocols...) {
		entries := strings.Split(line, ",")
		if len(entries) < 3 || strings.Trim(entries[2], " \t") == "" {
			continue
		}
		id := strings.Trim(entries[2], " \t")
		if !streamlitID.MatchString(id) || wish.Asked && id != wish.ID {
			id = "" // not one, or not only one
		}
		wish.Asked, wish.ID = true, id
	}
	entries := strings.SplitN(all, ",", 3)
	wish.Without = strings.Join(entries[:min(2, len(entries))], ",")
	return wish
}
