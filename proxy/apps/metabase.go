package apps

// metabase is Metabase, whose free edition takes nobody's word for who somebody is: it
// stays behind the gate with a sign-in of its own. It is under the AGPL and in no
// package registry, so no test here runs it. No answer that only it gives is known well
// enough to recognise it by.
func metabase() App {
	return App{
		Name: "metabase", Title: "Metabase",
		Words: []string{"metabase.jar"},
		Environment: func(at Place) []string {
			env := []string{"MB_JETTY_HOST=" + at.Host, "MB_JETTY_PORT=" + at.Port}
			if at.Public != nil {
				env = append(env, "MB_SITE_URL="+at.Public.String())
			}
			return env
		},
		Recipe: Recipe{
			Port:  "3000",
			Image: "metabase/metabase",
			Who:   "Metabase asks by itself: it reads no header",
			Notes: []string{
				"sidegate is a gate only: who has passed it signs in to Metabase as well. With Google that is one more click: enable Google sign-in there with the same client id, and the public address among the client's JavaScript origins.",
				"Metabase's own session outlives the one here, for 14 days: who signs in next in the same browser finds the person before still signed in to Metabase. MAX_SESSION_AGE (minutes) shortens it, MB_SESSION_COOKIES=true ends it with the browser.",
				"Its own log-out button signs out of Metabase alone; /_gate/logout signs out of sidegate.",
				"Single sign-on by JWT or SAML is in Metabase's paid editions.",
			},
			Tested: "not tested here",
		},
	}
}
