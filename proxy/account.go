package proxy

import (
	"net/http"

	"sidegate/session"
	"sidegate/web"
)

// WhoAmI shows a person who they are to us, and what the app is told: GET /_gate/.
func (g *Gate) WhoAmI(w http.ResponseWriter, r *http.Request) error {
	return g.admit(w, r, g.withoutSession, func(s session.Session) error {
		id := s.Identity
		g.Site.Page(w, r, http.StatusOK, web.Account{
			Person:  web.Person{Name: id.Name, Email: id.Email, Subject: id.Subject, Issuer: id.Issuer},
			Times:   web.Times{SignedIn: s.Created, LastSeen: s.Seen, Expires: s.Ends},
			Headers: identityFields(id),
			App:     "/",
			SignOut: "/_gate/logout",
		})
		return nil
	})
}

// userInfo is what a page's script may know of the person: no tokens.
type userInfo struct {
	Email   string   `json:"email"`
	Subject string   `json:"sub"`
	Issuer  string   `json:"iss"`
	Name    string   `json:"name,omitempty"`
	Picture string   `json:"picture,omitempty"`
	Groups  []string `json:"groups,omitempty"`
}

// UserInfo answers GET /_gate/userinfo. It is for scripts: never a redirect.
func (g *Gate) UserInfo(w http.ResponseWriter, r *http.Request) error {
	return g.admit(w, r, sessionRequired, func(s session.Session) error {
		id := s.Identity
		g.Site.JSON(w, r, http.StatusOK, userInfo{
			Email: id.Email, Subject: id.Subject, Issuer: id.Issuer,
			Name: id.Name, Picture: id.Picture, Groups: id.Groups,
		})
		return nil
	})
}
