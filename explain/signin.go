package explain

// signIn are sidegate's own codes around signing in, being signed in and signing out.
func signIn() []Problem {
	const page = "sidegate's page, and the log"
	return []Problem{
		{
			Code: "sign_in_loop", Where: page, Operator: true,
			Means: "Somebody signed in and came back at once without the session cookie: each further sign-in would end here again.",
			Do: []string{
				"Open exactly the address in SIDEGATE_PUBLIC_URL; a proxy in front has to pass the Host header on.",
				"With an https SIDEGATE_PUBLIC_URL the cookie travels over https alone: nobody can use the site by plain http.",
				"Allow cookies for the site in the browser: some extensions and private modes drop them, and so does a page inside a frame of another site.",
				"Check the clocks of this machine and of the browser: a cookie that seems to have expired is dropped.",
			},
		},
		{
			Code: "browser_not_bound", Where: page, Operator: true,
			Means: "The browser came back from the provider without the cookie it was given when the sign-in began.",
			Do: []string{
				"The sign-in has to end in the browser, and at the host name, in which it began: compare SIDEGATE_PUBLIC_URL with the address that people open.",
				"Allow cookies for the site.",
				"An https SIDEGATE_PUBLIC_URL behind which browsers are served plain http keeps no cookie: end TLS in front, and open the https address.",
			},
		},
		{
			Code: "login_late", Where: page, Operator: true,
			Means: "More than 15 minutes passed between the start of the sign-in and its end, twice.",
			Do: []string{
				"Sign in once more.",
				"If it happens to everybody, the clocks of the replicas differ: check with timedatectl.",
			},
		},
		{
			Code: "callback_invalid", Where: page, Operator: true,
			Means: "What came to the redirect URI is not an answer to a sign-in that sidegate began.",
			Do: []string{
				"Start from the beginning, and not from a bookmark of the redirect URI.",
				"If it happens to everybody: all replicas need the same SIDEGATE_SECRET, and a restart with the memory store forgets it; nothing in front may cut or cache the address's query.",
			},
		},
		{
			Code: "callback_repeated", Where: page,
			Means: "The answer of the provider was used already: a reload, or two tabs.",
			Do:    []string{"Press Continue."},
		},
		{
			Code: "client_rejected", Where: page, Operator: true,
			Means: "The provider refused the client id or the client secret at the token request (invalid_client).",
			Do: []string{
				"Download the client's JSON again, or compare SIDEGATE_CLIENT_ID and SIDEGATE_CLIENT_SECRET: a secret that was replaced no longer works.",
				"A secret that is read from a file, or from Google's client JSON, may be replaced while sidegate runs: it is read again.",
			},
		},
		{
			Code: "code_rejected", Where: page, Operator: true,
			Means: "The provider refused the code that the browser brought (invalid_grant): late, used twice, or for another redirect URI.",
			Do: []string{
				"Try once more.",
				"If it stays, check this machine's clock (timedatectl), and that nothing in front repeats requests.",
			},
		},
		{
			Code: "token_rejected", Where: page, Operator: true,
			Means: "The provider's ID token did not pass a check; the log names it, by the request id.",
			Do: []string{
				"\"expired\" or \"in the future\": set this machine's clock (timedatectl).",
				"\"issuer\" or \"audience\": SIDEGATE_ISSUER and SIDEGATE_CLIENT_ID have to be of the same provider, letter for letter.",
				"A missing e-mail: let the provider put email and email_verified into the ID token.",
			},
		},
		{
			Code: "provider_unavailable", Where: page, Operator: true,
			Means: "The provider did not answer in time, or what it answered is no OpenID configuration.",
			Do: []string{
				"The log names the cause: the name is not found, no way out through a firewall or proxy, an unknown certificate authority.",
				"From this machine, \"curl SIDEGATE_ISSUER/.well-known/openid-configuration\" shows what it answers.",
			},
		},
		{
			Code: "provider_error", Where: page, Operator: true,
			Means: "The provider sent the browser back with an error code that sidegate does not know; the log has it.",
			Do:    []string{"Look the code up in the provider's documentation, and in its own log of sign-ins."},
		},
		{
			Code: "not_connected", Where: page,
			Means: "The person did not grant access to the provider's APIs.",
			Do:    []string{"Go on without it, or connect later."},
		},
		{
			Code: "other_account", Where: page,
			Means: "Access was granted by another account than the one that is signed in.",
			Do:    []string{"Connect again and choose the account you are signed in with; or sign out and in with the other one."},
		},
		{
			Code: "scope_not_listed", Where: page, Operator: true,
			Means: "A page asked for access that the settings do not list.",
			Do:    []string{"Add the scope to SIDEGATE_CONNECT_SCOPES, or correct the link of the app."},
		},
		{
			Code: "session_required", Where: "the JSON of a call, and the log",
			Means: "There is no session, or it has ended; calls of scripts are told so and not redirected.",
			Do: []string{
				"Open the page in the browser: that signs in and leads back.",
				"For a path that needs no sign-in, such as a webhook, set SIDEGATE_PUBLIC_PATHS.",
			},
		},
		{
			Code: "not_allowed", Where: "sidegate's page (\"No access with this account\"), and JSON", Operator: true,
			Means: "The account is known, but no rule lets it in.",
			Do: []string{
				"Use another account.",
				"Let it in: SIDEGATE_ALLOWED_EMAILS, SIDEGATE_ALLOWED_EMAILS_FILE, SIDEGATE_ALLOWED_DOMAINS or SIDEGATE_ALLOWED_GROUPS. The log says refused_ and why.",
			},
		},
		{
			Code: "refused_not_listed", Where: "the log", Operator: true,
			Means: "No rule names the account's address, its domain or a group it is in.",
			Do: []string{
				"Add the address to SIDEGATE_ALLOWED_EMAILS.",
				"A domain is compared with Google's hd claim: a private Google account with a company address has none, and has to be listed by address.",
			},
		},
		{
			Code: "refused_email_unverified", Where: "the log", Operator: true,
			Means: "The provider has not verified the account's e-mail address, so a list of addresses proves nothing.",
			Do:    []string{"Have the person verify the address at the provider, or have the provider send email_verified."},
		},
		{
			Code: "refused_email_malformed", Where: "the log", Operator: true,
			Means: "The account's e-mail address is none that can be compared safely.",
			Do:    []string{"Correct the address at the provider."},
		},
		{
			Code: "refused_nobody", Where: "the log", Operator: true,
			Means: "The provider named nobody: the identity has no subject.",
			Do:    []string{"Look at the provider's ID token: sub has to be there."},
		},
		{
			Code: "refused_no_policy", Where: "the log", Operator: true,
			Means: "No rule on who may enter is in force yet, so nobody is let in.",
			Do:    []string{"Look further up in the log: the list of addresses could not be read."},
		},
		{
			Code: "groups_unknown", Where: page, Operator: true,
			Means: "Who may enter depends on groups, and Google does not say at the moment who is in them.",
			Do: []string{
				"The log names the cause: the Cloud Identity API has to be enabled in the project, and the service account needs the role Groups Reader.",
				"See docs/groups.md.",
			},
		},
		{
			Code: "refused_groups_unknown", Where: "the log", Operator: true,
			Means: "As groups_unknown: nobody is let in on a guess.",
			Do:    []string{"\"sidegate explain groups_unknown\" says more."},
		},
		{
			Code: "logout_failed", Where: page, Operator: true,
			Means: "The session could not be ended, since the store does not answer: the person is still signed in.",
			Do:    []string{"Try again in a moment; /readyz of the private listener names what is wrong with the store."},
		},
		{
			Code: "sign_out_failed", Where: page, Operator: true,
			Means: "Not all sessions could be ended, since the store does not answer.",
			Do:    []string{"Try again in a moment; /readyz of the private listener names what is wrong with the store."},
		},
		{
			Code: "foreign_form", Where: page,
			Means: "A page of another site sent the form that signs out or disconnects.",
			Do:    []string{"Use the button on this site's own page, /_gate/."},
		},
		{
			Code: "bad_form", Where: page,
			Means: "The form does not say what to end.",
			Do:    []string{"Open /_gate/ again and use the buttons there."},
		},
	}
}
