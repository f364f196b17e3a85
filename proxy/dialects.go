package proxy

// dialect is the set of headers by which one kind of proxy tells an app who
// somebody is. Apps that were written for that proxy work behind sidegate too.
type dialect struct {
	name   string
	fields []field
}

// dialects lists all that are known. What they say is the proxy's own names and
// forms, with two differences. A person is named by the e-mail where the proxy has a
// login name: what stands before the "@" is not one person's alone. And a signed
// assertion is ours, with our keys.
//
// Names and forms are those that the proxies' manuals give; docs/headers.md shows
// what goes over the wire.
func dialects() []dialect {
	return []dialect{
		{"sidegate", []field{
			{"X-User-Email", says(theEmail)},
			{"X-User-Id", says(theID)},
			{"X-User-Name", says(theName)},
			{"X-User-Picture", says(thePicture)},
			{"X-User-Groups", says(theGroups)},
			{"X-User-Roles", says(theRoles)},
			{"X-User-Logged-In", verbatim("true")},
			{"X-User-Assertion", says(theAssertion)},
		}},
		// --pass-user-headers, and --set-xauthrequest as nginx passes it on. Its
		// X-Forwarded-User is the provider's sub.
		{"oauth2-proxy", []field{
			{"X-Forwarded-User", says(theID)},
			{"X-Forwarded-Email", says(theEmail)},
			{"X-Forwarded-Preferred-Username", says(theEmail)},
			{"X-Forwarded-Groups", saysIn(theGroups, utf8Raw)},
			{"X-Auth-Request-User", says(theID)},
			{"X-Auth-Request-Email", says(theEmail)},
			{"X-Auth-Request-Preferred-Username", says(theEmail)},
			{"X-Auth-Request-Groups", saysIn(theGroups, utf8Raw)},
		}},
		// Google's Identity-Aware Proxy. The text before the colon is a namespace and
		// always this one there.
		{"iap", []field{
			{"X-Goog-Authenticated-User-Email", append(verbatim("accounts.google.com:"), says(theEmail)...)},
			{"X-Goog-Authenticated-User-Id", append(verbatim("accounts.google.com:"), says(theID)...)},
			{"X-Goog-Iap-Jwt-Assertion", says(theAssertion)},
		}},
		// Grafana's auth.proxy by the names of its manual.
		{"grafana", []field{
			{"X-Webauth-User", says(theEmail)},
			{"X-Webauth-Email", says(theEmail)},
			{"X-Webauth-Name", saysIn(theName, utf8Raw)},
			{"X-Webauth-Groups", saysIn(theGroups, utf8Raw)},
		}},
		{"authelia", []field{
			{"Remote-User", says(theEmail)},
			{"Remote-Email", says(theEmail)},
			{"Remote-Name", saysIn(theName, utf8Raw)},
			{"Remote-Groups", saysIn(theGroups, utf8Raw)},
		}},
		{"authentik", []field{
			{"X-Authentik-Username", says(theEmail)},
			{"X-Authentik-Email", says(theEmail)},
			{"X-Authentik-Name", saysIn(theName, utf8Raw)},
			{"X-Authentik-Groups", []part{{what: theGroups, as: utf8Raw, separator: '|'}}},
			{"X-Authentik-Uid", says(theID)},
			{"X-Authentik-Jwt", says(theAssertion)},
		}},
		{"cloudflare", []field{
			{"Cf-Access-Authenticated-User-Email", says(theEmail)},
			{"Cf-Access-Jwt-Assertion", says(theAssertion)},
		}},
		// Databricks Apps, less the token for Databricks itself.
		{"databricks", []field{
			{"X-Forwarded-User", says(theID)},
			{"X-Forwarded-Email", says(theEmail)},
			{"X-Forwarded-Preferred-Username", says(theEmail)},
		}},
		{"pomerium", []field{
			{"X-Pomerium-Claim-Email", says(theEmail)},
			{"X-Pomerium-Claim-Sub", says(theID)},
			{"X-Pomerium-Claim-Name", saysIn(theName, utf8Raw)},
			{"X-Pomerium-Claim-Groups", saysIn(theGroups, utf8Raw)},
			{"X-Pomerium-Jwt-Assertion", says(theAssertion)},
		}},
		{"shinyproxy", []field{
			{"X-Sp-Userid", says(theEmail)},
			{"X-Sp-Usergroups", says(theGroups)},
		}},
		// Tailscale Serve. Apps take the last one for a sign that the others are there.
		{"tailscale", []field{
			{"Tailscale-User-Login", saysIn(theEmail, rfc2047)},
			{"Tailscale-User-Name", saysIn(theName, rfc2047)},
			{"Tailscale-User-Profile-Pic", says(thePicture)},
			{"Tailscale-Headers-Info", verbatim("https://tailscale.com/s/serve-headers")},
		}},
	}
}

func says(c claim) []part                { return []part{{what: c}} }
func saysIn(c claim, as encoding) []part { return []part{{what: c, as: as}} }
func verbatim(s string) []part           { return []part{{text: s}} }

// HeaderPresets returns the names of the dialects that a HeaderRule can name.
func HeaderPresets() (names []string) {
	for _, d := range dialects() {
		names = append(names, d.name)
	}
	return names
}
