package web

// SignInPage asks how somebody wants to sign in, before it goes on to a provider.
type SignInPage struct{ Choices []Choice }

// Choice is one way to sign in.
type Choice struct {
	Name   string // of the provider, such as "Google"
	Href   string // path that begins a sign-in there
	Google bool   // the button looks as Google wants it (Sign in with Google, Branding Guidelines)
}

func (SignInPage) about() (name, title string) { return "signin", "Sign in" }
