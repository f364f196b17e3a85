package apps

// Recipe is what a person needs to set an app up behind sidegate by hand, besides
// Environment.
type Recipe struct {
	Install  string   // one shell line that installs it; "": as its makers say
	Command  []string // starts it on {port} of this machine; empty: it is a service of its own
	Port     string   // that it usually has
	Image    string   // a container image that has it; "": one is built from Python's
	Files    []File   // the app's own settings
	Settings []string // of sidegate besides APP, such as "NOTICE=true"
	Who      string   // how the app's code learns who is signed in
	Notes    []string // what else to know, a sentence each
	Tested   string   // which test tries it, or "not tested here"
}

// File is one that the recipe writes, into the folder where the app is started.
type File struct{ Name, Content string }
