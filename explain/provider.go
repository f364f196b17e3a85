package explain

// provider are the codes of Google and of other providers: those of their own pages,
// of their answers to us, and of their token endpoint.
func provider() []Problem {
	const (
		clients  = "https://console.cloud.google.com/auth/clients"
		audience = "https://console.cloud.google.com/auth/audience"
		page     = "Google's page"
		back     = "sidegate's page, and the log"
	)
	return []Problem{
		{
			Code: "redirect_uri_mismatch", Where: page, Operator: true,
			Means: "The redirect URI that sidegate asked for is not among those of the OAuth client.",
			Do: []string{
				"Add SIDEGATE_PUBLIC_URL followed by /_gate/callback to \"Authorized redirect URIs\" of the client at " + clients + ", letter for letter: scheme, host, port and path count, and localhost is not 127.0.0.1.",
				"Wait a few minutes after saving: Google says that changes take from five minutes to a few hours.",
			},
		},
		{
			Code: "invalid_client", Where: "Google's page, and the log at the token request", Operator: true,
			Means: "The provider does not know this client, or the client secret is wrong.",
			Do: []string{
				"Compare the client id and download the client's JSON again: a secret that was replaced or disabled no longer works, and Google shows a secret only once.",
			},
		},
		{
			Code: "deleted_client", Where: page, Operator: true,
			Means: "The OAuth client was deleted; Google also deletes clients that nobody used for six months.",
			Do: []string{
				"Restore it at " + clients + " (\"Restore deleted credentials\", within 30 days), or create a new one and give sidegate its JSON.",
			},
		},
		{
			Code: "access_denied", Where: "sidegate's page, or Google's", Operator: true, Answer: true,
			Means: "The person cancelled, or the app is in testing and the account is no test user.",
			Do: []string{
				"If nobody pressed Cancel: add the account under \"Test users\" at " + audience + ", or press \"Publish app\" there.",
				"With a Workspace, set the user type \"Internal\" there: then everybody in it may sign in, without test users.",
			},
		},
		{
			Code: "org_internal", Where: page, Operator: true,
			Means: "The app's user type is Internal, so only accounts of its own Workspace may sign in.",
			Do: []string{
				"Sign in with an account of that Workspace.",
				"For people from elsewhere, change the user type to External at " + audience + ".",
			},
		},
		{
			Code: "admin_policy_enforced", Where: "Google's page, or sidegate's", Operator: true, Answer: true,
			Means: "The administrator of the account's Workspace blocks this app.",
			Do: []string{
				"Have that administrator trust the client id: admin.google.com, Security, Access and data control, API controls, Manage app access.",
				"Ask for fewer API scopes in SIDEGATE_SCOPES: sign-in alone is rarely blocked.",
			},
		},
		{
			Code: "disallowed_useragent", Where: page,
			Means: "The page was opened in a browser inside another app, such as a chat or mail program, which Google does not allow.",
			Do: []string{
				"Open the address in Chrome, Safari, Firefox or Edge: the menu of the page usually has \"Open in browser\".",
			},
		},
		{
			Code: "invalid_scope", Where: "Google's page, or sidegate's", Operator: true, Answer: true,
			Means: "The provider does not know a scope that was asked for.",
			Do: []string{
				"Compare SIDEGATE_SCOPES and SIDEGATE_CONNECT_SCOPES with the provider's list; Google's begin with https://www.googleapis.com/auth/.",
				"Leave offline_access out with Google: it is not a scope there, and sidegate asks for a refresh token by itself.",
			},
		},
		{
			Code: "invalid_request", Where: "Google's page, or sidegate's", Operator: true, Answer: true,
			Means: "The provider did not accept the request as it was sent; at the addresses for a provider's notices: sidegate did not.",
			Do: []string{
				"Google shows details behind \"error details\": usually the redirect URI breaks a rule (https except on localhost, no IP address, a public top-level domain).",
				"Check that nothing between browser and provider rewrites addresses.",
				"A notice (log-out, security event) is refused when its signature, audience or time is not right; the log says which.",
			},
		},
		{
			Code: "invalid_grant", Where: "the log at the token request", Operator: true,
			Means: "The provider no longer takes the code or the refresh token.",
			Do: []string{
				"At sign-in: it was used twice or came late; check this machine's clock (timedatectl), and that SIDEGATE_PUBLIC_URL is the address people open.",
				"Of an access token: the person has to connect again. Google ends refresh tokens after 7 days while the app is in testing; press \"Publish app\" at " + audience + ".",
				"It also ends when somebody withdraws it, an administrator does, or it was not used for six months.",
			},
		},
		{
			Code: "invalid_rapt", Where: "the log at the token request",
			Means: "The Workspace asks its people to sign in again after some time (session control), and that time is over.",
			Do: []string{
				"The person signs in, or connects, again.",
				"The administrator can exempt the app: admin.google.com, Security, Google Cloud session control.",
			},
		},
		{
			Code: "origin_mismatch", Where: page, Operator: true,
			Means: "A page asked Google from script, and its origin is not among the client's JavaScript origins.",
			Do: []string{
				"sidegate needs no JavaScript origin: the request comes from the app, so add the app's origin at " + clients + ", for localhost once with the port and once without.",
			},
		},
		{
			Code: "unverified_app", Where: "Google's page: \"Google hasn't verified this app\"", Operator: true,
			Means: "The app asks for sensitive scopes and has not been through Google's verification.",
			Do: []string{
				"Set the user type Internal at " + audience + " if all people are of one Workspace.",
				"Otherwise have the app verified, or ask for sign-in alone: without API scopes there is no such page.",
			},
		},
		{
			Code: "user_cap", Where: "Google's page: \"Sign in with Google temporarily disabled for this app\"", Operator: true,
			Means: "An app that is not verified, with sensitive scopes, takes 100 people at most over its whole life.",
			Do: []string{
				"Have the app verified, or set the user type Internal at " + audience + ".",
			},
		},
		{
			Code: "unauthorized_client", Where: back, Operator: true, Answer: true,
			Means: "The provider knows the client, but does not let it sign people in this way.",
			Do: []string{
				"The client has to be of the type Web application (confidential), with the authorization code flow switched on.",
			},
		},
		{
			Code: "unsupported_response_type", Where: back, Operator: true, Answer: true,
			Means: "The provider does not offer the authorization code flow to this client.",
			Do:    []string{"Switch the authorization code flow (standard flow) on for the client."},
		},
		{
			Code: "login_required", Where: back, Answer: true,
			Means: "The provider was asked not to show a page, and the person is not signed in there.",
			Do:    []string{"Try again: the next attempt shows the provider's own page."},
		},
		{
			Code: "interaction_required", Where: back, Answer: true,
			Means: "The provider wants to ask the person something, and was asked not to show a page.",
			Do:    []string{"Try again; if it stays, a policy of the provider (device, second factor) stands in the way: its administrator sees which."},
		},
		{
			Code: "consent_required", Where: back, Operator: true, Answer: true,
			Means: "The person, or an administrator, has not agreed to what the app asks for.",
			Do:    []string{"Try again and agree; where only administrators may, one of them grants it for everybody at the provider."},
		},
		{
			Code: "account_selection_required", Where: back, Answer: true,
			Means: "The provider does not know which of several accounts is meant.",
			Do:    []string{"Choose another account, and pick one on the provider's page."},
		},
		{
			Code: "server_error", Where: back, Answer: true,
			Means: "The provider failed.",
			Do:    []string{"Try again in a moment, and look at the provider's status page: Google's is https://www.google.com/appsstatus/dashboard/."},
		},
		{
			Code: "temporarily_unavailable", Where: back, Answer: true,
			Means: "The provider, or sidegate when the provider sent it a notice, cannot answer at the moment.",
			Do:    []string{"Try again in a moment; for notices look at /readyz of the private listener: the store or the provider is away."},
		},
	}
}
