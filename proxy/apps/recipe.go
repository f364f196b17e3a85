package apps

// Recipe is what a person needs to set an app up behind sidegate by hand, besides
// Environment.
type Recipe struct {
	Install string   // one shell line that installs it
	Command []string // starts it on {port} of {host}
	Image   string   // a container image that has it; "": built by Dockerfile from python
	Files   []File   // the app's own settings
	Who     string   // how the app's code learns who is signed in
	Notes   []string // what else to know, a sentence each
	Tested  string   // which test tries it, or "not tested here"
}

// File is one that the recipe writes.
type File struct{ Name, Content string }
