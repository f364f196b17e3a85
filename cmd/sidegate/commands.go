package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"sidegate/config"
	"sidegate/login"
)

// verb is one thing that sidegate does: how people are told of it, and how it is done.
// Usage, help and completion are made from these, so a new command is one entry.
type verb struct {
	name     string
	forms    []form
	more     string   // what its help says besides
	examples []string // lines for a shell
	fits     func(args []string) bool
	run      func(ctx context.Context, args []string, to streams) error
}

// form is one way to write a command. In args a small word stands for itself, a big one
// for what completion.go knows of it, and [--a|--b] for what may be added.
type form struct{ args, does string }

// verbs lists the commands in the order of the usage.
func verbs() []verb {
	return slices.Concat(servingVerbs(), settingsVerbs(), operatingVerbs(), otherVerbs())
}

func servingVerbs() []verb {
	return []verb{
		{
			name: "serve", fits: alone,
			forms: []form{{"[serve]", "stand in front of the app at SIDEGATE_UPSTREAM"}},
			more:  "It serves until it gets SIGTERM or SIGINT, and then gives requests and WebSockets SIDEGATE_DRAIN to end; a second signal ends it at once.",
			examples: []string{
				"SIDEGATE_UPSTREAM=http://127.0.0.1:8501 SIDEGATE_CLIENT_JSON=client_secret.json SIDEGATE_ALLOWED_DOMAINS=example.com sidegate",
			},
			run: func(ctx context.Context, _ []string, to streams) error { return serveCommand(ctx, to) },
		},
		{
			name: "run", fits: func(args []string) bool { return len(args) > 1 && args[0] == "--" },
			forms: []form{{"run -- CMD…", "start the app as a child and stand in front of it"}},
			more:  "The app is told a private port: by PORT, by Streamlit's own variables, and by {port} in its arguments. It gets none of the SIDEGATE_ settings. sidegate ends with it, with its exit code.",
			examples: []string{
				"sidegate run -- streamlit run app.py",
				"sidegate run -- gunicorn --bind 127.0.0.1:{port} app:server",
			},
			run: func(ctx context.Context, args []string, to streams) error { return runCommand(ctx, args[1:], to) },
		},
		{
			name: "demo", fits: func(args []string) bool { return len(args) == 0 || len(args) > 1 && args[0] == "--" },
			forms: []form{{"demo [-- CMD…]", "the same with a built-in provider and, without CMD, a sample dashboard: needs no account and no settings"}},
			more:  "The provider has alice, bob, and mallory, who is refused. Anyone can be anyone there, so it listens on this machine only.",
			examples: []string{
				"sidegate demo",
				"sidegate demo -- streamlit run app.py",
			},
			run: func(ctx context.Context, args []string, to streams) error {
				return demoCommand(ctx, args[min(1, len(args)):], to)
			},
		},
	}
}

func settingsVerbs() []verb {
	return []verb{
		{
			name: "setup", fits: func([]string) bool { return true }, // it says itself what it does not know
			forms: []form{
				{"setup [--yes]", "ask for what sign-in with Google needs, and write it to sidegate.env; --yes: ask nothing"},
				{"setup [--public-url URL|--client-json FILE|--store STORE]", "what is said here is not asked"},
				{"setup [--domain DOMAIN|--email ADDRESS]", "who may enter, each as often as there are"},
			},
			more: "It can be run again: what was answered before is the answer offered, and settings that it does not know stay.",
			examples: []string{
				"sidegate setup",
				"sidegate setup --yes --public-url https://app.example.com --client-json client_secret.json --domain example.com",
			},
			run: func(ctx context.Context, args []string, to streams) error {
				return setupCommand(ctx, args, os.Stdin, to)
			},
		},
		{
			name: "doctor", fits: func(args []string) bool { _, ok := parseDoctor(args); return ok },
			forms: []form{{"doctor [--json|--offline] [-- CMD…]", "check everything, and say what to do about what is wrong"}},
			more:  "It asks the provider, the store, the app and the sidegate that runs, if one does; with -- CMD… it starts the app for its checks. With --offline it asks nobody. It ends with 1 when something is wrong.",
			examples: []string{
				"sidegate doctor",
				"sidegate doctor --offline",
				"sidegate doctor -- streamlit run app.py",
			},
			run: func(ctx context.Context, args []string, to streams) error {
				order, _ := parseDoctor(args)
				return doctorCommand(ctx, order, to)
			},
		},
		{
			name: "config", fits: alone,
			forms:    []form{{"config", "print the effective settings, secrets masked"}},
			more:     "With them comes the redirect URI to register at the provider, and a warning for each setting that is worth a second look. Wrong settings end it with code 2, so that a deployment can try them first.",
			examples: []string{"sidegate config"},
			run:      func(_ context.Context, _ []string, to streams) error { return configCommand(to) },
		},
		{
			name: "settings", fits: alone,
			forms:    []form{{"settings", "print the table of all settings"}},
			examples: []string{"sidegate settings | grep -i session"},
			run: func(_ context.Context, _ []string, to streams) error {
				fmt.Fprint(to.out, config.Table())
				return nil
			},
		},
		{
			name: "recipe", fits: func([]string) bool { return true }, // it says itself what it does not know
			forms: []form{{"recipe APP [--compose|--systemd|--kubernetes]", "print a ready configuration for a dashboard"}},
			more:  "Without one of these it is a shell script for one machine.",
			examples: []string{
				"sidegate recipe streamlit --compose > compose.yaml",
				"sidegate recipe grafana --systemd",
			},
			run: func(_ context.Context, args []string, to streams) error { return recipeCommand(args, to) },
		},
	}
}

func operatingVerbs() []verb {
	return []verb{
		{
			name: "sessions", fits: func(args []string) bool { _, ok := parseSessions(args); return ok },
			forms: []form{
				{"sessions list [--json]", "who is signed in at the running sidegate"},
				{"sessions revoke WHO… [--all]", "end sessions: WHO is an e-mail, sub:SUBJECT or id:ID; --all in its place ends everybody's"},
			},
			more: "They ask the process whose private listener is at SIDEGATE_ADMIN_LISTEN. Revoking signs people out and no more: who may still enter can sign in again.",
			examples: []string{
				"sidegate sessions list",
				"sidegate sessions list --json",
				"sidegate sessions revoke alice@example.com",
				"sidegate sessions revoke --all",
			},
			run: func(ctx context.Context, args []string, to streams) error {
				order, _ := parseSessions(args)
				return sessionsCommand(ctx, order, to)
			},
		},
		{
			name: "risc", fits: func(args []string) bool {
				return len(args) == 1 && slices.Contains([]string{"register", "verify", "status"}, args[0])
			},
			forms: []form{
				{"risc register", "have Google tell this sidegate when an account is hijacked, disabled or signed out"},
				{"risc verify", "have Google send a test event"},
				{"risc status", "what Google has registered"},
			},
			more: keyVariable + " names the JSON key of a service account that may do so.",
			examples: []string{
				keyVariable + "=key.json SIDEGATE_PUBLIC_URL=https://app.example.com sidegate risc register",
			},
			run: func(ctx context.Context, args []string, to streams) error {
				return riscCommand(ctx, args[0], login.RISCBase, to)
			},
		},
		{
			name: "healthcheck", fits: alone,
			forms:    []form{{"healthcheck", "ask the running sidegate whether it serves"}},
			more:     "It ends with 0 or 1, as a container's health check has to.",
			examples: []string{"sidegate healthcheck && echo it serves"},
			run:      func(ctx context.Context, _ []string, _ streams) error { return healthCommand(ctx) },
		},
	}
}

func otherVerbs() []verb {
	return []verb{
		{
			name: "explain", fits: func([]string) bool { return true }, // it says itself what it does not know
			forms: []form{{"explain [CODE]", "what an error code means and what to do"}},
			more:  "CODE is what a page of sidegate's or of Google's shows, such as redirect_uri_mismatch. Without one it lists them all.",
			examples: []string{
				"sidegate explain redirect_uri_mismatch",
			},
			run: func(_ context.Context, args []string, to streams) error { return explainCommand(args, to) },
		},
		{
			name: "completion", fits: completes,
			forms: []form{{"completion SHELL", "print a script that completes these commands in bash, zsh or fish"}},
			examples: []string{
				"source <(sidegate completion bash)",
				"sidegate completion zsh > ~/.zfunc/_sidegate",
				"sidegate completion fish > ~/.config/fish/completions/sidegate.fish",
			},
			run: func(_ context.Context, args []string, to streams) error { return completionCommand(args, to) },
		},
		{
			name: "version", fits: alone,
			forms:    []form{{"version", "print the version"}},
			examples: []string{"sidegate version"},
			run: func(_ context.Context, _ []string, to streams) error {
				fmt.Fprintln(to.out, "sidegate", version())
				return nil
			},
		},
		{
			name: "help", fits: func(args []string) bool {
				return len(args) == 0 || len(args) == 1 && verbNamed(args[0]).run != nil
			},
			forms:    []form{{"help [COMMAND]", "say more of a command, with examples; the same as sidegate COMMAND --help"}},
			examples: []string{"sidegate help run"},
			run: func(_ context.Context, args []string, to streams) error {
				fmt.Fprint(to.out, helpOn(args))
				return nil
			},
		},
	}
}

// alone is for commands that nothing may follow.
func alone(args []string) bool { return len(args) == 0 }

// verbNamed returns the command of that name; one without run: there is none.
func verbNamed(name string) verb {
	for _, v := range verbs() {
		if v.name == name {
			return v
		}
	}
	return verb{}
}
