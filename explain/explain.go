// Package explain holds what sidegate says of everything that can go wrong: one
// text for each code, the same on our error pages, from `sidegate doctor` and from
// `sidegate explain CODE`.
package explain

import "strings"

// Problem is one thing that goes wrong, under the code that people see and search for.
type Problem struct {
	Code  string   // as the provider or sidegate shows it: "redirect_uri_mismatch"
	Where string   // who shows it: "Google's page", "sidegate's page", "the log"
	Means string   // one sentence: what happened
	Do    []string // what to do, the likeliest first; one sentence each
}

// Find returns what is known of a code, in any case and with "-" or " " for "_".
func Find(code string) (Problem, bool) {
	want := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(strings.TrimSpace(code)))
	for _, p := range All() {
		if p.Code == want {
			return p, true
		}
	}
	return Problem{}, false
}

// All returns every problem there is, grouped by who shows it.
func All() []Problem {
	return []Problem{
		{
			Code: "redirect_uri_mismatch", Where: "Google's page",
			Means: "The redirect URI that sidegate asked for is not among those of the OAuth client.",
			Do: []string{
				"Add SIDEGATE_PUBLIC_URL followed by /_gate/callback to \"Authorized redirect URIs\" of the client at https://console.cloud.google.com/auth/clients, letter for letter: scheme, host, port and path count, and localhost is not 127.0.0.1.",
				"Wait a few minutes after saving: Google says that changes take from five minutes to a few hours.",
			},
		},
		{
			Code: "invalid_client", Where: "Google's page, and the log at the token request",
			Means: "The provider does not know this client, or the client secret is wrong.",
			Do: []string{
				"Compare the client id and download the client's JSON again: a secret that was replaced or disabled no longer works, and Google shows a secret only once.",
			},
		},
	}
}
