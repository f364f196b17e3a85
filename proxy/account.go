package proxy

import (
	"context"
	"net/http"
	"time"

	"sidegate/identity"
	"sidegate/session"
	"sidegate/web"
)

// WhoAmI shows a person who they are to us, and what the app is told: GET /_gate/.
func (g *Gate) WhoAmI(w http.ResponseWriter, r *http.Request) error {
	return g.admit(w, r, g.withoutSession, func(s session.Session, id identity.Identity) error {
		g.Site.Page(w, r, http.StatusOK, web.Account{
			Person:  web.Person{Name: id.Name, Email: id.Email, Subject: id.Subject, Issuer: id.Issuer, Roles: id.Roles},
			Times:   web.Times{SignedIn: s.Created, LastSeen: s.Seen, Expires: s.Ends},
			Headers: g.shownHeaders(s),
			App:     "/",
			SignOut: "/_gate/logout",
			SignIns: g.signIns(r, s),
			Access:  g.connection(r, s),
		})
		return nil
	})
}

func (g *Gate) shownHeaders(s session.Session) []web.Header {
	shown := g.Forward.headers.Shown(s.Identity)
	if g.Tokens != nil {
		shown = append(shown, web.Header{Name: ticketHeader, Value: "(secret: the app asks for access to the provider with it)"})
	}
	return shown
}

const (
	maxSignIns  = 50              // on the page; somebody may have very many
	signInsTime = 2 * time.Second // that the page waits for the list of them
)

// signIns lists where the person of s is signed in, s first. A list that cannot be
// had costs the page nothing else.
func (g *Gate) signIns(r *http.Request, s session.Session) web.SignIns {
	ctx, cancel := context.WithTimeout(r.Context(), signInsTime)
	defer cancel()
	found, err := g.Sessions.Sessions(ctx, s.Identity)
	if err != nil {
		web.RecordOf(r.Context()).Err = err
		return web.SignIns{Unknown: true}
	}
	list := web.SignIns{End: "/_gate/sessions", Shown: []web.SignIn{{
		ID: s.ID, Browser: web.Browser(s.Browser), Address: s.Address, Since: s.Created, LastSeen: s.Seen, This: true,
	}}}
	for _, i := range found {
		switch {
		case i.ID == s.ID:
		case len(list.Shown) == maxSignIns:
			list.More++
		default:
			list.Shown = append(list.Shown, web.SignIn{
				ID: i.ID, Browser: web.Browser(i.Browser), Address: i.Address, Since: i.Created, LastSeen: i.Seen,
			})
		}
	}
	return list
}

// userInfo is what a page's script may know of the person: no tokens.
type userInfo struct {
	Email   string   `json:"email"`
	Subject string   `json:"sub"`
	Issuer  string   `json:"iss"`
	Name    string   `json:"name,omitempty"`
	Picture string   `json:"picture,omitempty"`
	Groups  []string `json:"groups,omitempty"`
	Roles   []string `json:"roles,omitempty"`
}

// UserInfo answers GET /_gate/userinfo. It is for scripts: never a redirect.
func (g *Gate) UserInfo(w http.ResponseWriter, r *http.Request) error {
	return g.admit(w, r, g.Forward.sessionRequired, func(_ session.Session, id identity.Identity) error {
		g.Site.JSON(w, r, http.StatusOK, userInfo{
			Email: id.Email, Subject: id.Subject, Issuer: id.Issuer,
			Name: id.Name, Picture: id.Picture, Groups: id.Groups, Roles: id.Roles,
		})
		return nil
	})
}
