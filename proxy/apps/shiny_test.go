package apps_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sidegate/proxy/apps"
)

// What a Shiny page shows when its session ends is the message of showNotification:
// text, JSON, with no script in it, and it stays until the person does something.
func TestAShinyPageIsToldThatItsSessionEnded(t *testing.T) {
	for _, name := range []string{"shiny", "shiny-python"} {
		socket := apps.Named(name).Socket
		if !socket.Text {
			t.Errorf("%s: a binary message is none that the page reads", name)
		}
		var message struct {
			Notification struct {
				Type    string
				Message struct {
					HTML, Action, ID, Type string
					Deps                   []any
					Duration               *int
				}
			}
		}
		decoder := json.NewDecoder(strings.NewReader(string(socket.Farewell("/_gate/ended"))))
		if err := decoder.Decode(&message); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m := message.Notification.Message
		if message.Notification.Type != "show" || m.HTML == "" || m.Deps == nil || m.Duration != nil {
			t.Errorf("%s: the message is %+v, want one that is shown and stays", name, message)
		}
		// The empty address is the page's own, with its path and query.
		if m.Action != `<a href="">Sign in again</a>` {
			t.Errorf("%s: the way back is %s", name, m.Action)
		}
	}
}
