package explain

// operation are sidegate's codes of the store, the private listener and access tokens.
func operation() []Problem {
	const (
		page    = "sidegate's page, and the log"
		private = "the answer of the private listener"
	)
	return []Problem{
		{
			Code: "store_unavailable", Where: page, Operator: true,
			Means: "The place where sessions are kept does not answer; nobody is signed out by that, and nobody signed in.",
			Do: []string{
				"/readyz of the private listener names the cause.",
				"Redis: is it up, is the password in SIDEGATE_SESSION_STORE right, may the user write? docs/sessions.md has the rights that it needs.",
				"file: the folder has to be writable, and the file not open in another process.",
			},
		},
		{
			Code: "internal", Where: page, Operator: true,
			Means: "sidegate failed in a way that it has no word for.",
			Do:    []string{"Find the request id in the log, and report what stands there."},
		},
		{
			Code: "error", Where: page, Operator: true,
			Means: "Something failed for which there is no more exact word.",
			Do:    []string{"Find the request id in the log."},
		},
		{
			Code: "foreign_page", Where: private,
			Means: "A web page of another origin asked the private listener.",
			Do:    []string{"Ask it from a program, without an Origin header."},
		},
		{
			Code: "not_json", Where: private,
			Means: "What was posted is not declared as JSON.",
			Do:    []string{"Send Content-Type: application/json."},
		},
		{
			Code: "bad_request", Where: private,
			Means: "The call does not say what it wants in the form that is expected.",
			Do:    []string{"The message says what is missing; the forms are in docs/paths.md."},
		},
		{
			Code: "ticket_required", Where: "the answer of GET /token",
			Means: "The call does not say for whom: the X-User-Ticket header is missing.",
			Do:    []string{"Send the X-User-Ticket of the person's own request along; see docs/tokens.md."},
		},
		{
			Code: "two_tickets", Where: "the answer of GET /token",
			Means: "The call carries two different tickets.",
			Do:    []string{"Send one."},
		},
		{
			Code: "bad_scopes", Where: "the answer of GET /token",
			Means: "The scopes in the call cannot be read.",
			Do:    []string{"Name them once, as scopes=, with blanks or commas between them."},
		},
		{
			Code: "session_ended", Where: "the answer of GET /token",
			Means: "The session that the ticket belongs to is over.",
			Do:    []string{"The person opens the page again, which signs in and brings a new ticket."},
		},
		{
			Code: "reconnect_required", Where: "the answer of GET /token",
			Means: "The provider does not take the refresh token any more (invalid_grant).",
			Do: []string{
				"Send the person to connect_url.",
				"After exactly seven days each time: the app is in testing at Google; publish it at https://console.cloud.google.com/auth/audience.",
			},
		},
		{
			Code: "insufficient_scope", Where: "the answer of GET /token",
			Means: "The person has not granted what is asked for, or unticked it.",
			Do:    []string{"Send the person to connect_url; the scope has to stand in SIDEGATE_SCOPES or SIDEGATE_CONNECT_SCOPES."},
		},
		{
			Code: "token_unavailable", Where: "the answer of GET /token",
			Means: "The provider could not be asked for a new access token.",
			Do:    []string{"Try again after Retry-After; the log names the cause."},
		},
		{
			Code: "disconnect_failed", Where: page, Operator: true,
			Means: "The access could not be forgotten, since the store does not answer.",
			Do:    []string{"Try again in a moment."},
		},
		{
			Code: "nothing_to_connect", Where: page,
			Means: "Access to APIs is granted at the main provider, and this person signed in at another.",
			Do:    []string{"Sign in with an account of the main provider, that of SIDEGATE_ISSUER."},
		},
		{
			Code: "too_many", Where: "the answer of POST /probe on the private listener",
			Means: "Several sidegate doctor are at work already.",
			Do:    []string{"Run it again in a minute."},
		},
		{
			Code: "not_revoked", Where: page,
			Means: "sidegate has forgotten the access, but the provider did not confirm that it is revoked there.",
			Do:    []string{"Take it back at the provider: for Google at https://myaccount.google.com/connections."},
		},
	}
}
